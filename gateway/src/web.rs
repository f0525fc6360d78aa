//! The pages that people see: the web client at `/`, the console at `/console`, what the API offers at `/docs`.
//!
//! They are files of the repository's `web/` folder, plain enough that no build step is needed
//! ([ADR 19](../../docs/adr/0019-a-web-client-without-a-build-step.md)). A release carries them in its binary; other
//! builds read them from disk at each request, so that an edit is seen by reloading.
//!
//! A page runs no script but those of its own host and, by its hash, the one import map that stands in it; it speaks
//! to no other host, and no other page may frame it. All files are revalidated at each use: their names do not change
//! with their contents, and a new version of a node must not meet half of an old client.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use tower_http::compression::CompressionLayer;

use crate::rest::{Problem, no_route};

/// The folder. What it holds is served only under [`PLACES`], and only what [`media_type`] knows.
#[derive(RustEmbed)]
#[folder = "../web"]
struct Files;

/// Where files stand. Patterns, and few of them: they are labels of the node's numbers.
const PLACES: [&str; 12] = [
    "/",
    "/app.css",
    "/app/{*file}",
    "/console",
    "/console/{*file}",
    "/docs",
    "/docs/{*file}",
    "/sdk.js",
    "/sdk/{*file}",
    "/theme.css",
    "/voice.js",
    "/voice/{*file}",
];

/// Other people's modules, with their licences.
const VENDORED: &str = "/vendor/{*file}";

/// What the browser may let a page do: calls, and nothing else that it would ask people about.
const PERMISSIONS: &str = "camera=(self), display-capture=(self), geolocation=(), microphone=(self)";

/// The routes of all files. Texts are compressed for those who take it.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let places = PLACES.into_iter().chain([VENDORED]);
    places.fold(Router::new(), |router, place| router.route(place, get(file))).layer(CompressionLayer::new())
}

/// The file at a path.
async fn file(uri: Uri, request: HeaderMap) -> Result<Response, Problem> {
    let name = name(uri.path());
    // A build that reads from disk would follow `..` within the folder.
    let kind = media_type(&name).filter(|_| !name.contains(".."));
    match (kind, Files::get(&name)) {
        (Some(kind), Some(file)) => Ok(answer(&file, kind, &request)),
        _ => Err(no_route().await),
    }
}

/// A page's address is its folder's.
fn name(path: &str) -> String {
    match path {
        "/" => "index.html".to_owned(),
        "/console" | "/docs" => format!("{}/index.html", &path[1..]),
        file => file[1..].to_owned(),
    }
}

/// What a file is, by its name. Anything else in the folder is for those who work on it.
fn media_type(name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next()?;
    Some(match file.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "png")) => "image/png",
        Some((_, "woff2")) => "font/woff2",
        None if file == "LICENSE" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

fn answer(file: &EmbeddedFile, kind: &'static str, request: &HeaderMap) -> Response {
    // Weak, because the same file is sent plain and compressed.
    let tag = format!("W/\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash()));
    let fresh = request.get_all(header::IF_NONE_MATCH).iter().any(|held| names(held, &tag));
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], Body::from(file.data.clone().into_owned())).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::try_from(tag).expect("a tag is ASCII"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if kind.starts_with("text/html") {
        let policy = policy(&String::from_utf8_lossy(&file.data));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).expect("a policy is ASCII"));
        headers.insert("permissions-policy", HeaderValue::from_static(PERMISSIONS));
        headers.insert(OPENER, HeaderValue::from_static("same-origin"));
    }
    response
}

/// A page that opens this one gets no hold of it.
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Whether `If-None-Match` names this tag (RFC 9110, section 13.1.2).
fn names(held: &HeaderValue, tag: &str) -> bool {
    held.to_str().is_ok_and(|held| held == "*" || held.split(',').any(|one| one.trim() == tag))
}

/// What a page may load and do. `'self'` takes in the sockets of its own host.
fn policy(page: &str) -> String {
    let map = import_map(page).map(|text| {
        // As the browser sees it: the text between the tags, every blank of it.
        format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
    });
    format!(
        "default-src 'none'; script-src 'self'{}; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         media-src 'self' blob:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        map.unwrap_or_default()
    )
}

/// The text of a page's import map. It can't stand in a file of its own: browsers take only those that are inline.
fn import_map(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<script type=\"importmap\">")?;
    Some(rest.split_once("</script>")?.0)
}

#[cfg(test)]
mod tests;
