//! Refusals as `application/problem+json` (RFC 9457).

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Code, Failure, FieldError};

/// A failure on its way to an HTTP client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    failure: Failure,
    status: StatusCode,
}

/// Why a request was refused or failed (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Problem")]
pub(super) struct Body<'a> {
    /// The kind is told by `code`; of the HTTP status there is no more to say (RFC 9457, section 4.2.1).
    r#type: &'static str,
    /// What HTTP calls the status.
    title: &'static str,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// One sentence for the person who reads it.
    detail: &'a str,
    /// Which kind; programs branch on it.
    code: Code,
    /// As in `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    /// When trying again makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// Which fields of the input are wrong, and how.
    #[serde(default, skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// A failure under a status that tells HTTP more than its code does.
    pub(crate) fn with_status(status: StatusCode, failure: Failure) -> Self {
        Self { failure, status }
    }

    /// The answer, which also says to which request it belongs.
    pub(super) fn respond(&self, request_id: Option<&str>) -> Response {
        let Failure { code, detail, retry_after, errors } = &self.failure;
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail,
            code: *code,
            request_id,
            retry_after_ms: retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            errors,
        };
        let mut response = (self.status, Json(body)).into_response();
        let mut set = |name: HeaderName, value| response.headers_mut().insert(name, value);
        set(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            set(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"voxlog\""));
        }
        if let Some(wait) = retry_after {
            // Whole seconds, rounded up: coming too early is refused again.
            set(header::RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)));
        }
        response
    }
}

impl<E: Into<Failure>> From<E> for Problem {
    fn from(failure: E) -> Self {
        let failure = failure.into();
        Self { status: failure.code.status(), failure }
    }
}

impl IntoResponse for Problem {
    /// The problem also travels as an extension, so that the id of the request can be written into it on the way out.
    fn into_response(self) -> Response {
        let mut response = self.respond(None);
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer to a path that nothing stands at.
pub(crate) async fn no_route() -> Problem {
    Failure::new(Code::NotFound, "there is nothing at this path").into()
}

/// The answer to a method that a path does not take; `Allow` says which it does.
pub(super) async fn no_method() -> Problem {
    let failure = Failure::new(Code::Unsupported, "this path does not take that method");
    Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, failure)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn shown(problem: Problem) -> String {
        let response = problem.respond(Some("req-1"));
        let headers: Vec<_> = [header::CONTENT_TYPE, header::WWW_AUTHENTICATE, header::RETRY_AFTER]
            .iter()
            .filter_map(|name| Some(format!("{name}: {}", response.headers().get(name)?.to_str().unwrap())))
            .collect();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        format!("{status}\n{}\n{body:#}", headers.join("\n"))
    }

    #[tokio::test]
    async fn a_refusal_is_a_problem_document() {
        insta::assert_snapshot!(shown(no_route().await).await);
        insta::assert_snapshot!(shown(no_method().await).await);
        insta::assert_snapshot!(shown(Failure::invalid("name", "must not be empty").into()).await);
        insta::assert_snapshot!(shown(Failure::new(Code::Unauthenticated, "no token").into()).await);
        let wait = Some(Duration::from_millis(1200));
        let slow = Failure { retry_after: wait, ..Failure::new(Code::SlowMode, "not so fast") };
        insta::assert_snapshot!(shown(slow.into()).await);
    }
}
