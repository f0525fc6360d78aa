//! Requests to JetStream's API, with the server's error codes as they are.

use std::time::Duration;

use async_nats::{Client, HeaderMap, Request, RequestErrorKind};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::ReadError;
use crate::{id::EventId, position::Seq};

/// One try. A leader that is alive answers in milliseconds; one that was lost is replaced after 4 to 9 s, and a new try
/// finds the new one.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(3);

/// Why an API request brought nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ApiError {
    /// The server says no, with its code (the server's `errors.json`).
    #[error("{description} ({code})")]
    Server {
        /// Such as 10059, stream not found.
        code: u64,
        /// In the server's words.
        description: String,
    },
    /// Nobody listens: JetStream is off, or what was asked for has no leader.
    #[error("no responders")]
    NoResponders,
    /// No answer, so it may have happened or not.
    #[error("{0}")]
    NoAnswer(String),
    /// More than the server takes.
    #[error("{0}")]
    TooLarge(String),
    /// The answer is not what it should be.
    #[error("not understood: {0}")]
    Malformed(String),
}

/// The error of an answer, or of an acknowledgement.
#[derive(Debug, Deserialize)]
pub(crate) struct WireError {
    #[serde(default)]
    pub(crate) err_code: u64,
    #[serde(default)]
    pub(crate) description: String,
}

#[derive(Deserialize)]
struct Failure {
    error: Option<WireError>,
}

#[derive(Deserialize)]
struct MessageAnswer {
    message: Raw,
}

/// Where a message stands and how it was published, as the leader tells it.
#[derive(Deserialize)]
pub(crate) struct Raw {
    pub(crate) seq: Seq,
    #[serde(default)]
    hdrs: String,
}

impl Raw {
    /// Whether it was published under this id.
    pub(crate) fn has_id(&self, id: EventId) -> bool {
        self.is_named(&id.to_string())
    }

    /// The same for an id that is no event's.
    pub(crate) fn is_named(&self, id: &str) -> bool {
        let headers = BASE64_STANDARD.decode(&self.hdrs).unwrap_or_default();
        let headers = String::from_utf8_lossy(&headers);
        let published = headers.lines().find_map(|line| line.strip_prefix("Nats-Msg-Id:"));
        published.is_some_and(|published| published.trim() == id)
    }
}

/// What the leader of a stream is asked for; answered by it alone, so never out of date.
#[derive(Serialize)]
pub(crate) enum Get<'a> {
    /// The first message of the subject at or after the seq.
    Next(&'a str, Seq),
    /// The subject's last message.
    Last(&'a str),
}

/// Sends one request under `$JS.API` and reads its answer.
pub(crate) async fn ask<T: DeserializeOwned>(client: &Client, call: &str, body: Bytes) -> Result<T, ApiError> {
    let answer = send(client, format!("$JS.API.{call}"), None, body).await?;
    let malformed = |error: serde_json::Error| ApiError::Malformed(error.to_string());
    let failure: Failure = serde_json::from_slice(&answer).map_err(malformed)?;
    match failure.error {
        Some(WireError { err_code, description }) => Err(ApiError::Server { code: err_code, description }),
        None => serde_json::from_slice(&answer).map_err(malformed),
    }
}

/// Asks the leader of `stream` for one message; `None` when there is none.
pub(crate) async fn get(client: &Client, stream: &str, get: Get<'_>) -> Result<Option<Raw>, ReadError> {
    const NOT_FOUND: u64 = 10037;
    let body = match get {
        Get::Next(subject, from) => serde_json::json!({ "next_by_subj": subject, "seq": from }),
        Get::Last(subject) => serde_json::json!({ "last_by_subj": subject }),
    };
    match ask::<MessageAnswer>(client, &format!("STREAM.MSG.GET.{stream}"), body.to_string().into()).await {
        Ok(answer) => Ok(Some(answer.message)),
        Err(ApiError::Server { code: NOT_FOUND, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// One message and the first answer to it.
pub(crate) async fn send(
    client: &Client,
    subject: String,
    headers: Option<HeaderMap>,
    payload: Bytes,
) -> Result<Bytes, ApiError> {
    let mut request = Request::new().payload(payload).timeout(None);
    if let Some(headers) = headers {
        request = request.headers(headers);
    }
    // The limit stands around the whole: while the connection is away, a request waits before it is even sent.
    let answer = tokio::time::timeout(ATTEMPT, client.send_request(subject, request)).await;
    match answer.map_err(|_| ApiError::NoAnswer(format!("no answer within {} s", ATTEMPT.as_secs())))? {
        Ok(message) => Ok(message.payload),
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Err(ApiError::NoResponders),
        Err(error) if error.kind() == RequestErrorKind::MaxPayloadExceeded => {
            Err(ApiError::TooLarge(error.to_string()))
        }
        Err(error) => Err(ApiError::NoAnswer(error.to_string())),
    }
}

impl From<ApiError> for ReadError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Malformed(what) => Self::Broken(what),
            other => Self::Unavailable(other.to_string()),
        }
    }
}
