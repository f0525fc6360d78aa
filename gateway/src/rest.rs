//! REST: one file a noun, under `/api/v1`; [`operations`](crate::operations) for those who run the node.
//!
//! Every answer carries `X-Request-Id`, every refusal is `application/problem+json`. A write answers with the
//! `position` of what it stored; a read that is given it in `X-Voxlog-Min-Position` sees it.

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
};

use serde_json::{Value, json};

use crate::{Gateway, error::Code};
use openapi::{Api, Operation, Route};

mod around;
mod auth;
mod body;
mod calls;
pub mod client_address;
mod console;
pub(crate) mod cors;
mod demo;
pub mod docs;
pub(crate) mod extract;
pub mod idempotency;
mod invites;
pub(crate) mod limited;
mod members;
mod messages;
mod moderation;
pub(crate) mod openapi;
mod operations;
mod paging;
mod past;
mod problem;
mod reactions;
mod refused;
pub mod room_code;
mod rooms;
mod scoped;
mod search;
mod unread;
mod users;
mod voice;
mod written;

pub(crate) use extract::credential;
pub use problem::Problem;
pub(crate) use problem::no_route;

/// Where everything but [`operations`] stands.
const API: &str = "/api/v1";

/// The largest body of a request.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// All routes but the sockets'.
pub(crate) fn routes(gateway: &Arc<Gateway>) -> Router<Arc<Gateway>> {
    crate::metrics::install();
    let api = Api::new().with("", nouns()).into_parts().0;
    // From the outside in: who asks and how much, then what they sent, then whether they have before.
    let api = api
        .layer(from_fn_with_state(Arc::clone(gateway), idempotency::once))
        .layer(from_fn_with_state(Arc::clone(gateway), body::whole))
        .layer(from_fn_with_state(Arc::clone(gateway), limited::limited));
    Router::new().nest(API, api).merge(Api::new().with("", open_to_all()).into_parts().0)
}

/// The OpenAPI document of all routes but the sockets'.
pub fn document() -> Value {
    Api::new().behind(layers, API, nouns()).with("", open_to_all()).into_parts().1
}

/// What stands beside the nouns, for those who run a node or get to know it.
fn open_to_all() -> Vec<Route<Arc<Gateway>>> {
    [operations::routes(), docs::routes(), demo::routes()].into_iter().flatten().collect()
}

/// What the layers before [`nouns`] ask and refuse.
fn layers(operation: &mut Operation<'_>) {
    operation.refuses(Code::RateLimited);
    operation.refuses_as(StatusCode::REQUEST_TIMEOUT, Code::Invalid);
    operation.refuses(Code::TooLarge);
    operation.limited();
    if operation.method() == "post" {
        let about = "Carries the request out once, however often it comes under this key; kept for a day.";
        let schema = json!({ "type": "string", "pattern": "^[!-~]{1,255}$" });
        operation.header("Idempotency-Key", about, schema);
        for code in [Code::Invalid, Code::Conflict, Code::Unavailable] {
            operation.refuses(code);
        }
    }
}

fn nouns() -> Vec<Route<Arc<Gateway>>> {
    [
        auth::routes(),
        users::routes(),
        rooms::routes(),
        members::routes(),
        moderation::routes(),
        invites::routes(),
        messages::routes(),
        reactions::routes(),
        unread::routes(),
        search::routes(),
        past::routes(),
        calls::routes(),
        voice::routes(),
        console::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What all routes have in common: refusals as problems, an id, numbers, and which pages may read the answers.
pub(crate) fn dress<S: Clone + Send + Sync + 'static>(routes: Router<S>, origins: &[String]) -> Router<S> {
    routes
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(cors::cors(origins))
        .layer(from_fn(around::around))
}
