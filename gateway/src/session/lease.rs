//! For how long somebody is who they are: until their token expires, unless they bring another before.

use std::time::Duration;

use chrono::TimeDelta;
use voxlog_core::clock::Time;

use crate::identity::Caller;

/// How long before its end a client is asked for another token: enough for a refresh over a bad line. Of a token that
/// has less than four times that, a quarter is left.
const ASK_BEFORE: TimeDelta = TimeDelta::minutes(1);

/// Somebody, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub(super) who: Caller,
    /// When to ask for another token; `None` once that was done.
    ask_at: Option<Time>,
}

impl Lease {
    pub(super) fn new(who: Caller, now: Time) -> Self {
        let ask_at = who.expires.map(|expires| expires - ASK_BEFORE.min((expires - now) / 4));
        Self { who, ask_at }
    }

    /// When something is to be done about it.
    pub(super) fn due(&self) -> Option<Time> {
        self.ask_at.or(self.who.expires)
    }

    pub(super) fn has_expired(&self, now: Time) -> bool {
        self.who.expires.is_some_and(|expires| now >= expires)
    }

    /// How long the token still lasts, once, when it is time to ask for another.
    pub(super) fn ask(&mut self, now: Time) -> Option<Duration> {
        self.ask_at.take_if(|ask_at| now >= *ask_at)?;
        (self.who.expires? - now).to_std().ok()
    }
}
