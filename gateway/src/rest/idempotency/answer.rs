//! An answer that is kept to be given again.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::marked;
use crate::error::Failure;

/// The longest body that is kept, in bytes. Answers to POSTs have some hundred.
const MAX_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    status: u16,
    content_type: Option<String>,
    body: String,
}

impl Answer {
    /// `None` for one that can't be kept.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = std::str::from_utf8(body).ok().filter(|body| body.len() <= MAX_BYTES)?.to_owned();
        Some(Self { status: status.as_u16(), content_type, body })
    }

    /// The answer once more, to another request: a refusal names that one.
    pub(super) fn again(self, request_id: &str) -> Result<Response, Failure> {
        let Self { status, content_type, mut body } = self;
        if content_type.as_deref() == Some("application/problem+json")
            && let Ok(mut problem) = serde_json::from_str::<Value>(&body)
        {
            problem["requestId"] = request_id.into();
            body = problem.to_string();
        }
        let status = StatusCode::from_u16(status).map_err(|error| Failure::internal(&error))?;
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        if let Some(value) = content_type.and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        Ok(marked(response))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn an_answer_comes_again_as_it_was_but_a_refusal_names_the_new_request() {
        let again = async |kind: &'static str, body: &str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
            let answer = Answer::of(StatusCode::CREATED, &headers, body.as_bytes()).unwrap();
            let response = answer.again("req-2").unwrap();
            assert_eq!(response.status(), StatusCode::CREATED);
            assert_eq!(response.headers()["idempotency-replayed"], "true");
            assert_eq!(response.headers()["content-type"], kind);
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        };
        assert_eq!(again("application/json", r#"{"id":1}"#).await, r#"{"id":1}"#);
        let refusal = again("application/problem+json", r#"{"code":"forbidden","requestId":"req-1"}"#).await;
        assert_eq!(refusal, r#"{"code":"forbidden","requestId":"req-2"}"#);
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let of = |bytes| Answer::of(StatusCode::OK, &HeaderMap::new(), &vec![b'x'; bytes]);
        assert!(of(MAX_BYTES).is_some() && of(MAX_BYTES + 1).is_none());
    }
}
