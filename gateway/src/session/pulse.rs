//! Heartbeats, and whether anybody answers them.

use std::time::{Duration, Instant};

/// Beats that may go unanswered. What a client takes off the wire counts as an answer too, so a slow one is not taken
/// for a dead one.
const MAX_UNANSWERED: u8 = 2;

/// When the next beat is due, and how many went unanswered.
#[derive(Debug)]
pub(super) struct Pulse {
    every: Duration,
    next: Instant,
    unanswered: u8,
}

impl Pulse {
    pub(super) fn new(every: Duration, now: Instant) -> Self {
        Self { every, next: now + every, unanswered: 0 }
    }

    pub(super) const fn every(&self) -> Duration {
        self.every
    }

    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    pub(super) const fn heard(&mut self) {
        self.unanswered = 0;
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// One more beat; false when too many went unanswered. The next is a whole span away, however late this one is: a
    /// socket that could not be written to for a while is not held to the beats that it could not get.
    pub(super) fn beat(&mut self, now: Instant) -> bool {
        self.next = now + self.every;
        self.unanswered += 1;
        self.unanswered <= MAX_UNANSWERED
    }
}
