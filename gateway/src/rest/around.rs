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

/// How long a request may take. The log is given 15 s to settle an append, and passwords may wait in line.
const PATIENCE: Duration = Duration::from_secs(30);

/// Carries a request to its handler and its answer back.
pub(super) async fn around(request: Request, next: Next) -> Response {
    let (id, method, route) = (request_id(request.headers()), request.method().clone(), route(&request));
    // The route, not the path; never the query, a header or a body: those may hold secrets.
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = %route);
    let started = Instant::now();
    let mut response = match tokio::time::timeout(PATIENCE, next.run(request).instrument(span)).await {
        Ok(response) => response,
        Err(_) => Problem::from(too_late(&method)).into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = with_id(&problem, &id, response.headers());
    }
    count(&method, route, &response, started.elapsed());
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id).expect("a request's id is plain ASCII"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
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

/// The problem again, now with the request's id; what was set beside it (`Allow`) stays.
fn with_id(problem: &Problem, id: &str, headers: &HeaderMap) -> Response {
    let mut response = problem.respond(Some(id));
    if let Some(allowed) = headers.get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    response
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
