//! REST: one file a noun, under `/api/v1`; [`operations`](crate::operations) for those who run the node.
//!
//! Every answer carries `X-Request-Id`, every refusal is `application/problem+json`. A write answers with the
//! `position` of what it stored; a read that is given it in `X-Voxlog-Min-Position` sees it.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn};

use crate::Gateway;

mod around;
mod auth;
mod extract;
mod members;
mod messages;
mod moderation;
mod operations;
mod paging;
mod problem;
mod reactions;
pub mod room_code;
mod rooms;
mod users;
mod written;

pub(crate) use extract::bearer;
pub use problem::Problem;

/// The largest body of a request.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// All routes but the sockets'.
pub fn routes() -> Router<Arc<Gateway>> {
    crate::metrics::install();
    let api = Router::new()
        .merge(auth::routes())
        .merge(users::routes())
        .merge(rooms::routes())
        .merge(members::routes())
        .merge(moderation::routes())
        .merge(messages::routes())
        .merge(reactions::routes());
    dress(Router::new().nest("/api/v1", api).merge(operations::routes()))
}

/// What all routes have in common: refusals as problems, an id, limits, numbers.
pub(crate) fn dress<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(around::around))
}
