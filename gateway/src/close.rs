//! Why a socket is closed by the server: the close codes that it sends.

use std::fmt;

use schemars::JsonSchema;

/// A reason to close a socket. Codes 4000 to 4499 invite the client to connect again and resume, 4500 to 4999 tell it
/// that doing the same again would end the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Close {
    /// The node is going. Another one, or its successor, takes over.
    GoingAway,
    /// The access token has expired. Connect again with a fresh one.
    TokenExpired,
    /// Nothing was heard of the client for two heartbeats.
    Silent,
    /// The client has taken nothing off the wire for ten minutes.
    Stalled,
    /// A fault of the server. It has been logged.
    Internal,
    /// The first frame was no `hello`, or none succeeded in time.
    MissedHello,
    /// What came was not the WebSocket protocol.
    BrokenFraming,
    /// A frame was larger than the limit.
    TooLarge,
    /// The user has as many sockets open on this node as one may have.
    TooManySockets,
    /// The sign-in, or the API key, was revoked. Sign in again.
    Revoked,
    /// The session goes on with another socket.
    ResumedElsewhere,
}

impl Close {
    /// Every reason, for the documents and their tests.
    pub const ALL: [Self; 11] = [
        Self::GoingAway,
        Self::TokenExpired,
        Self::Silent,
        Self::Stalled,
        Self::Internal,
        Self::MissedHello,
        Self::BrokenFraming,
        Self::TooLarge,
        Self::TooManySockets,
        Self::Revoked,
        Self::ResumedElsewhere,
    ];

    const fn parts(self) -> (u16, &'static str) {
        match self {
            Self::GoingAway => (4000, "going_away"),
            Self::TokenExpired => (4001, "token_expired"),
            Self::Silent => (4002, "silent"),
            Self::Stalled => (4003, "stalled"),
            Self::Internal => (4004, "internal"),
            Self::MissedHello => (4500, "missed_hello"),
            Self::BrokenFraming => (4501, "broken_framing"),
            Self::TooLarge => (4502, "too_large"),
            Self::TooManySockets => (4503, "too_many_sockets"),
            Self::Revoked => (4504, "revoked"),
            Self::ResumedElsewhere => (4505, "resumed_elsewhere"),
        }
    }

    /// The code in the close frame.
    pub const fn code(self) -> u16 {
        self.parts().0
    }

    /// The reason in the close frame: one word that never changes.
    pub const fn reason(self) -> &'static str {
        self.parts().1
    }

    /// What a client does about it, in a few words.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::TokenExpired => "refresh the token and connect again",
            Self::Stalled => "connect again, and read",
            Self::MissedHello => "send `hello` first, with a token that verifies",
            Self::BrokenFraming => "mend the client",
            Self::TooLarge => "send smaller frames",
            Self::TooManySockets => "close another socket first",
            Self::Revoked => "sign in again",
            Self::ResumedElsewhere => "leave it to the other socket",
            Self::GoingAway | Self::Silent | Self::Internal => "connect again and resume",
        }
    }

    /// Whether the client may connect again without changing anything.
    pub const fn invites_back(self) -> bool {
        self.code() < 4500
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.reason())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_its_own_and_in_the_range_for_applications() {
        let codes: HashSet<_> = Close::ALL.into_iter().map(Close::code).collect();
        assert_eq!(codes.len(), Close::ALL.len());
        assert!(codes.iter().all(|code| (4000..5000).contains(code)));
        assert!(Close::TokenExpired.invites_back() && !Close::TooLarge.invites_back());
    }
}
