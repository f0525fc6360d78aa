//! The domain says no.

use std::time::Duration;

/// Why a command was refused. Nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such room or message, or the asker may not know of it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The asker is not in the room.
    #[error("you are not a member of this room")]
    NotAMember,
    /// The asker is banned from the room.
    #[error("you are banned from this room")]
    Banned,
    /// The asker may read but not write.
    #[error("you are muted in this room")]
    Muted,
    /// Every seat is taken.
    #[error("all {seats} seats of this room are taken")]
    RoomFull {
        /// How many there are.
        seats: u16,
    },
    /// Every place in the call is taken.
    #[error("all {seats} places in this call are taken")]
    CallFull {
        /// How many there are.
        seats: u16,
    },
    /// The room lets nobody write that often.
    #[error("this room is in slow mode: one message every {every_s} s")]
    SlowMode {
        /// Seconds between two messages of one member.
        every_s: u32,
        /// When the next one may come.
        retry_after: Duration,
    },
    /// The room is closed for good; it can be read.
    #[error("this room is archived")]
    RoomArchived,
    /// The asker's role does not allow it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It contradicts what is already so.
    #[error("{0}")]
    Conflict(&'static str),
    /// It is a part of the protocol that this version does not carry out.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The command itself is wrong, whoever asks.
    #[error("{field}: {message}")]
    Invalid {
        /// Which field, in camelCase.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

impl Rejection {
    /// Shorthand for [`Rejection::Invalid`].
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }
}
