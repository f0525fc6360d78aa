//! What a caller is told when something was not done: one closed set of codes for REST and WebSocket.

use std::{borrow::Cow, time::Duration};

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::{
    fold::FoldError,
    log::{AppendError, ReadError},
    rejection::Rejection,
};

mod field;

pub(crate) use field::brief;

/// Why something was refused or failed. Clients branch on it; its texts never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No token, or one that does not verify.
    Unauthenticated,
    /// The caller's role does not allow it.
    Forbidden,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// The caller is not in the room.
    NotAMember,
    /// The caller is banned from the room.
    Banned,
    /// The caller may read the room but not write.
    Muted,
    /// Every seat is taken.
    RoomFull,
    /// The room is closed for good.
    RoomArchived,
    /// It contradicts what is already so.
    Conflict,
    /// The input itself is wrong.
    Invalid,
    /// The input is larger than the limit.
    TooLarge,
    /// Too many in too short a time; `retryAfterMs` says when again.
    RateLimited,
    /// The room's slow mode; `retryAfterMs` says when again.
    SlowMode,
    /// This version does not carry it out.
    Unsupported,
    /// A part that is needed is away; trying again may work. Nothing was stored.
    Unavailable,
    /// It may have been stored or not. Repeating it under the same id is safe.
    OutcomeUnknown,
    /// A fault of the server. It has been logged.
    Internal,
}

impl Code {
    /// Every code, for the documents and their tests.
    pub const ALL: [Self; 17] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::NotAMember,
        Self::Banned,
        Self::Muted,
        Self::RoomFull,
        Self::RoomArchived,
        Self::Conflict,
        Self::Invalid,
        Self::TooLarge,
        Self::RateLimited,
        Self::SlowMode,
        Self::Unsupported,
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::Internal,
    ];

    /// The code as a client reads it, and its HTTP status.
    const fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::NotAMember => ("not_a_member", StatusCode::FORBIDDEN),
            Self::Banned => ("banned", StatusCode::FORBIDDEN),
            Self::Muted => ("muted", StatusCode::FORBIDDEN),
            Self::RoomFull => ("room_full", StatusCode::CONFLICT),
            Self::RoomArchived => ("room_archived", StatusCode::CONFLICT),
            Self::Conflict => ("conflict", StatusCode::CONFLICT),
            Self::Invalid => ("invalid", StatusCode::UNPROCESSABLE_ENTITY),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::RateLimited => ("rate_limited", StatusCode::TOO_MANY_REQUESTS),
            Self::SlowMode => ("slow_mode", StatusCode::TOO_MANY_REQUESTS),
            Self::Unsupported => ("unsupported", StatusCode::NOT_IMPLEMENTED),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::OutcomeUnknown => ("outcome_unknown", StatusCode::GATEWAY_TIMEOUT),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// What a client does about it, in a few words.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Unauthenticated => "sign in, or refresh the token",
            Self::Forbidden | Self::NotAMember | Self::Banned | Self::Muted => "don't repeat it; somebody else decides",
            Self::NotFound => "look at the id or the code",
            Self::RoomFull => "try again when somebody has left",
            Self::RoomArchived => "read on; nothing more is written here",
            Self::Conflict => "look at what is so now, then decide again",
            Self::Invalid => "mend what `errors` names",
            Self::TooLarge => "send less at once",
            Self::RateLimited | Self::SlowMode => "wait `retryAfterMs`",
            Self::Unsupported => "do without it",
            Self::Unavailable => "try again, after `retryAfterMs` where it is given",
            Self::OutcomeUnknown => "send it again under the same id",
            Self::Internal => "tell us the `requestId`, or the `session` of `welcome`",
        }
    }

    /// The code as a client reads it.
    pub const fn as_str(self) -> &'static str {
        self.parts().0
    }

    /// The HTTP status that goes with it.
    pub const fn status(self) -> StatusCode {
        self.parts().1
    }
}

/// Something was not done. Its texts are for the caller: they tell nothing of the inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind.
    pub code: Code,
    /// One sentence for the person who reads it.
    pub detail: Cow<'static, str>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// Which fields of the input are wrong, and how.
    pub errors: Vec<FieldError>,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldError {
    /// Its name, in camelCase.
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    pub message: String,
}

impl Failure {
    /// A failure that says no more than its code and one sentence.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), retry_after: None, errors: Vec::new() }
    }

    /// One field is wrong.
    pub fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let detail = format!("{field}: {message}").into();
        Self { code: Code::Invalid, detail, retry_after: None, errors: vec![FieldError { field, message }] }
    }

    /// A part that is needed is away for now.
    pub fn unavailable(detail: &'static str) -> Self {
        Self { retry_after: Some(Duration::from_secs(1)), ..Self::new(Code::Unavailable, detail) }
    }

    /// The log may have taken something or not.
    pub fn outcome_unknown() -> Self {
        Self::new(Code::OutcomeUnknown, "the log did not say whether it took this, ask again under the same id")
    }

    /// Others changed the room again and again while this was decided.
    pub(crate) fn contended() -> Self {
        Self::unavailable("the room is changing too fast, try again")
    }

    /// The server's own fault, told to the log here and to the caller only as such.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed inside");
        Self::new(Code::Internal, "something went wrong on our side")
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let code = match &rejection {
            Rejection::NotFound(_) => Code::NotFound,
            Rejection::NotAMember => Code::NotAMember,
            Rejection::Banned => Code::Banned,
            Rejection::Muted => Code::Muted,
            Rejection::RoomFull { .. } | Rejection::CallFull { .. } => Code::RoomFull,
            Rejection::SlowMode { .. } => Code::SlowMode,
            Rejection::RoomArchived => Code::RoomArchived,
            Rejection::Forbidden(_) => Code::Forbidden,
            Rejection::Conflict(_) => Code::Conflict,
            Rejection::Unsupported(_) => Code::Unsupported,
            Rejection::Invalid { field, message } => return Self::invalid(*field, message.clone()),
        };
        let retry_after = match rejection {
            Rejection::SlowMode { retry_after, .. } => Some(retry_after),
            _ => None,
        };
        Self { retry_after, ..Self::new(code, rejection.to_string()) }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        tracing::warn!(%error, "the log could not be read");
        Self::unavailable("the log does not answer just now")
    }
}

impl From<FoldError> for Failure {
    fn from(error: FoldError) -> Self {
        match error {
            FoldError::Read(error) => error.into(),
            FoldError::Decode(error) => Self::internal(&error),
        }
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { .. } => Self::contended(),
            AppendError::Unknown(_) => {
                tracing::warn!(%error, "an append has no known outcome");
                Self::outcome_unknown()
            }
            AppendError::Refused(_) => {
                tracing::warn!(%error, "an append was refused");
                Self::unavailable("the log does not take writes just now")
            }
        }
    }
}
