//! What this node offers, told to programs as OpenAPI and AsyncAPI, and to people as a page that shows both.
//!
//! The page is ours alone: no script, style or font of another host, so it can be read offline, and nothing inline, so
//! a strict content security policy holds.

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

/// What the page may load: its own script, style and documents.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(openapi), route!(async_api), route!(page), route!(script), route!(style)]
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

/// The media types of the page's pieces.
const KINDS: [&str; 3] = ["text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8"];
const HTML: usize = 0;
const SCRIPT: usize = 1;
const STYLE: usize = 2;

/// A piece of the page.
struct Piece<const KIND: usize>(&'static str);

impl<const KIND: usize> IntoResponse for Piece<KIND> {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, KINDS[KIND]), (header::CONTENT_SECURITY_POLICY, POLICY), REVALIDATED];
        (headers, self.0).into_response()
    }
}

impl<const KIND: usize> Answer for Piece<KIND> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers_with(StatusCode::OK, KINDS[KIND], json!({ "type": "string" }));
    }
}

/// Shows both to people.
#[utoipa::path(get, path = "/docs", operation_id = "getDocs", tag = "documents")]
async fn page() -> Piece<HTML> {
    Piece(include_str!("docs/page.html"))
}

/// Fills the page.
#[utoipa::path(get, path = "/docs/page.js", operation_id = "getDocsScript", tag = "documents")]
async fn script() -> Piece<SCRIPT> {
    Piece(include_str!("docs/page.js"))
}

/// Dresses the page.
#[utoipa::path(get, path = "/docs/page.css", operation_id = "getDocsStyle", tag = "documents")]
async fn style() -> Piece<STYLE> {
    Piece(include_str!("docs/page.css"))
}
