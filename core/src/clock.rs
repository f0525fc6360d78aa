//! The only reader of the time.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use chrono::{DateTime, TimeDelta, Utc};

/// A point in time, UTC. Written as RFC 3339, with milliseconds unless they are 0.
pub type Time = DateTime<Utc>;

/// Tells the time. Shared by everything in a process, so that a test can move the time of a whole node.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now, cut to milliseconds: what is written to the log reads back equal.
    fn now(&self) -> Time;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Time {
        cut_to_millis(Utc::now())
    }
}

/// A clock that a test sets. It stands still until it is moved.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Time>>);

impl ManualClock {
    /// A clock that stands at `time`.
    pub fn at(time: Time) -> Self {
        Self(Arc::new(Mutex::new(cut_to_millis(time))))
    }

    /// Moves the clock, backwards too.
    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().expect("a clock's lock is held for one addition") += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        *self.0.lock().expect("a clock's lock is held for one addition")
    }
}

fn cut_to_millis(time: Time) -> Time {
    DateTime::from_timestamp_millis(time.timestamp_millis()).expect("a time that chrono holds has milliseconds")
}
