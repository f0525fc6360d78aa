//! Which web pages may read our answers: those of `VOXLOG_ALLOWED_ORIGINS`, the same that may open sockets.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header, request::Parts};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember a preflight: the longest that Chromium does.
const REMEMBERED: Duration = Duration::from_hours(2);

/// What a page may send beside what every page may.
const REQUEST_HEADERS: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-voxlog-min-position"),
];

/// What a page may read beside what every page may.
const RESPONSE_HEADERS: [HeaderName; 6] = [
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("idempotency-replayed"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
];

/// Answers preflights, and marks the answers that pages of these origins may read. Credentials of the browser's own are
/// never needed: who asks says so in a header.
pub(super) fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<_> = origins.to_vec();
    let allowed = move |origin: &HeaderValue, _: &Parts| is_among(&origins, origin);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(REQUEST_HEADERS)
        .expose_headers(RESPONSE_HEADERS)
        .max_age(REMEMBERED)
}

/// Whether pages of this origin were allowed by name.
pub(crate) fn is_among(origins: &[String], origin: &HeaderValue) -> bool {
    origins.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
}
