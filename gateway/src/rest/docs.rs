//! What this node offers, told to programs as OpenAPI and AsyncAPI. The page at `/docs` ([`web`](crate::web)) shows both
//! to people.

use std::sync::{Arc, LazyLock};

use axum::{
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::openapi::{Operation, Route, describe::Answer, route};
use crate::{Gateway, protocol::asyncapi};

/// Made once: the routes do not change while a node runs.
static OPENAPI: LazyLock<String> = LazyLock::new(text);

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(openapi), route!(async_api)]
}

/// The OpenAPI document as it is served and committed.
pub fn text() -> String {
    serde_json::to_string_pretty(&super::document()).expect("a document is JSON") + "\n"
}

/// A document for programs.
struct Document(&'static str);

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json"), REVALIDATED], self.0).into_response()
    }
}

impl Answer for Document {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_with(StatusCode::OK, "application/json", json!({ "type": "object" }));
    }
}

/// A new version of a node brings new documents.
const REVALIDATED: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

/// Tells what can be asked over REST, as OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", operation_id = "getOpenApi", tag = "documents")]
async fn openapi() -> Document {
    Document(&OPENAPI)
}

/// Tells what goes over sockets and NATS, as AsyncAPI 3.
#[utoipa::path(get, path = "/asyncapi.json", operation_id = "getAsyncApi", tag = "documents")]
async fn async_api() -> Document {
    Document(asyncapi::text())
}
