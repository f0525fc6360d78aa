//! A POST that carries `Idempotency-Key` is carried out once, however often and through whichever gateway it comes
//! (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! What was asked and answered under a key is kept for a day in a bucket of NATS, where all gateways see it and where it
//! does not depend on PostgreSQL. Under one key of one user, or of one API key:
//! * While the first request is under way, others are told to come again.
//! * When it has been answered, its answer is given again, marked `Idempotency-Replayed: true`.
//! * Another request than the first is refused.
//! * What came to nothing for a passing reason, a 401, a 429 or any 5xx, may be tried again.
//! * What a gateway began and never ended may be tried again after a minute. A message, a room and an invite keep the id
//!   that they got with the first try, so they are there once even then; of anything else nobody knows whether it was
//!   done, and most of it may be done twice without harm.
//!
//! Answers under `/auth`, and those that hold join tokens of calls, are not kept: repeating one is a conflict.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use tracing::Instrument;
use voxlog_core::id::MessageId;

use super::{MAX_BODY_BYTES, Problem, around::RequestId, client_address::ClientAddress, limited::Asking};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Credential,
    voice::tokens,
};

mod answer;
mod record;
mod store;

use answer::Answer;
pub use record::Repeats;
use record::{Begun, Outcome};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key.
const MAX_KEY_CHARS: usize = 255;

/// How long a request may be under way before its lock may be another's: less than that, and longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(45);

/// The id for what this request makes without naming it: a message, a room, an invite. It is the same when the request is
/// tried again.
#[derive(Debug, Clone, Copy)]
pub struct MintedId(pub MessageId);

/// Carries a request out, unless it was before.
pub(super) async fn once(
    State(gateway): State<Arc<Gateway>>,
    address: ClientAddress,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    match key(request.method(), request.headers()) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => repeatable(gateway, &key, address, &id, request, next)
            .await
            .unwrap_or_else(|failure| Problem::from(failure).into_response()),
        Err(failure) => Problem::from(failure).into_response(),
    }
}

async fn repeatable(
    gateway: Arc<Gateway>,
    key: &str,
    address: ClientAddress,
    request_id: &str,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let Some(scope) = scope(&request, address) else { return Ok(next.run(request).await) };
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| Failure::internal(&error))?;
    let slot = gateway.repeats.slot(&scope, key);
    let fingerprint = gateway.repeats.fingerprint(&parts.method, &parts.uri, &body);
    match gateway.repeats.begin(&slot, &fingerprint, &*gateway.clock).await? {
        Begun::Answered(answer) => answer.again(request_id),
        Begun::Ours(claim) => {
            let keeps_body = !is_secret(&parts);
            let minted = MintedId(claim.minted());
            let request = with(parts, body, minted);
            let carrying = {
                let gateway = Arc::clone(&gateway);
                async move {
                    let response = tokio::time::timeout(PATIENCE, next.run(request)).await;
                    let response =
                        response.unwrap_or_else(|_| Problem::from(Failure::outcome_unknown()).into_response());
                    let (response, outcome) = outcome_of(response, keeps_body).await;
                    gateway.repeats.end(&slot, claim, outcome).await;
                    response
                }
            };
            // Whoever asked may leave; what has begun is carried through, so that it is known what came of it.
            let carried = gateway.tasks.spawn(carrying.in_current_span()).await;
            carried.map_err(|error| Failure::internal(&error))
        }
    }
}

/// The key of a POST, if it has one.
fn key(method: &Method, headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), true) = (values.next(), *method == Method::POST) else { return Ok(None) };
    let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if visible && (1..=MAX_KEY_CHARS).contains(&key.len()) && values.next().is_none() => {
            Ok(Some(key.to_owned()))
        }
        _ => {
            Err(Failure::invalid("Idempotency-Key", format!("must be one of 1 to {MAX_KEY_CHARS} visible characters")))
        }
    }
}

/// Whose keys these are. `None` for those who will be refused anyway: nothing need be kept about that. What an API key
/// asked stays its own: another credential may do more than it, or less.
fn scope(request: &Request, address: ClientAddress) -> Option<String> {
    match request.extensions().get::<Asking>() {
        Some(Asking(Ok(caller))) => Some(match caller.credential {
            Credential::Token => format!("user {}", caller.user),
            Credential::ApiKey | Credential::JoinToken(_) => format!("API key {}", caller.session),
        }),
        _ if is_auth(request.uri().path()) => Some(format!("address {}", address.key())),
        _ => None,
    }
}

fn is_secret(parts: &Parts) -> bool {
    is_auth(parts.uri.path()) || parts.uri.path().ends_with(tokens::PATH_END)
}

/// Within `/api/v1`, which is where this layer lies.
fn is_auth(path: &str) -> bool {
    path.starts_with("/auth/")
}

fn with(parts: Parts, body: Bytes, minted: MintedId) -> Request {
    let mut request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(minted);
    request
}

async fn outcome_of(response: Response, keeps_body: bool) -> (Response, Outcome) {
    let status = response.status();
    let is_passing =
        status.is_server_error() || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS);
    if is_passing {
        return (response, Outcome::Open);
    }
    let (parts, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(body) => {
            let kept = body.is_empty() || keeps_body;
            let answer = kept.then(|| Answer::of(status, &parts.headers, &body)).flatten();
            (Response::from_parts(parts, Body::from(body)), Outcome::Done(answer))
        }
        Err(error) => (Problem::from(Failure::internal(&error)).into_response(), Outcome::Done(None)),
    }
}

fn marked(mut response: Response) -> Response {
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

fn under_way() -> Failure {
    let detail = "a request with this key is under way";
    Failure { retry_after: Some(Duration::from_secs(1)), ..Failure::new(Code::Conflict, detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_of_visible_characters_on_a_post() {
        let of = |method: Method, values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_str(value).unwrap());
            }
            key(&method, &headers).map_err(|failure| failure.code)
        };
        assert_eq!(of(Method::POST, &["a\"b-1"]), Ok(Some("a\"b-1".to_owned())));
        assert_eq!(of(Method::POST, &[]), Ok(None));
        assert_eq!(of(Method::PATCH, &["a"]), Ok(None));
        let (longest, longer) = ("k".repeat(255), "k".repeat(256));
        assert!(of(Method::POST, &[&longest]).is_ok());
        for wrong in [&["" as &str] as &[_], &["a b"], &["ü"], &[&longer], &["a", "b"]] {
            assert_eq!(of(Method::POST, wrong), Err(Code::Invalid), "{wrong:?}");
        }
    }
}
