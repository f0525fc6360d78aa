//! What happens around every request: its id, its span, its time limit, its numbers.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;

use super::Problem;
use crate::error::{Code, Failure};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every answer carries unless a handler knows better, as a page that is to be seen does. Whatever an answer holds, a
/// browser takes it for data: it runs nothing, fetches nothing, tells nobody, and shows it in no frame.
const SECURITY: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// How long a request may take. The log is given 15 s to settle an append, and passwords may wait in line.
const PATIENCE: Duration = Duration::from_secs(30);

/// The id of a request, for those who write it into an answer themselves.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// Carries a request to its handler and its answer back.
pub(super) async fn around(mut request: Request, next: Next) -> Response {
    let (id, method, route) = (request_id(request.headers()), request.method().clone(), route(&request));
    // The route, not the path; never the query, a header or a body: those may hold secrets.
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = %route);
    request.extensions_mut().insert(RequestId(id.clone()));
    let started = Instant::now();
    let mut response = match tokio::time::timeout(PATIENCE, next.run(request).instrument(span)).await {
        Ok(response) => response,
        Err(_) => Problem::from(too_late(&method)).into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        // The body again, now with the request's id; what others have put into the head stays.
        *response.body_mut() = problem.respond(Some(&id)).into_body();
    }
    count(&method, route, &response, started.elapsed());
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id).expect("a request's id is plain ASCII"));
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The client's own id where it is harmless, else a random one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=64).contains(&id.len()) && id.bytes().all(plain))
        .map_or_else(|| format!("{:032x}", rand::random::<u128>()), str::to_owned)
}

/// The pattern of the route: a label with few values.
fn route(request: &Request) -> String {
    request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned()
}

/// A read that was given up has done nothing; a write may have been done.
fn too_late(method: &Method) -> Failure {
    if method.is_safe() {
        Failure::unavailable("this took too long")
    } else {
        Failure::new(Code::OutcomeUnknown, "this took too long, it may have been done or not")
    }
}

fn count(method: &Method, route: String, response: &Response, took: Duration) {
    let method = if matches!(
        *method,
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    ) {
        method.to_string()
    } else {
        "other".to_owned()
    };
    let status = response.status().as_u16().to_string();
    metrics::counter!("voxlog_http_requests_total", "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("voxlog_http_request_seconds", "route" => route).record(took);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harmless_id_of_the_client_is_kept() {
        let of =
            |value: &'static str| request_id(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(value))]));
        assert_eq!(of("trace-1.a_B"), "trace-1.a_B");
        for odd in ["", "a b", "a\"b", "<script>"] {
            assert_eq!(of(odd).len(), 32, "{odd}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
