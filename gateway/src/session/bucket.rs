//! How fast a client may ask.

use std::time::{Duration, Instant};

use crate::config::Limits;

/// What a command takes from the bucket. Everything else is a tenth of it: two hundred rooms can be opened at once
/// after a reconnect, and yet nothing is free of charge.
pub(super) const COMMAND: u32 = 10;

/// What a frame takes that changes nothing.
pub(super) const FRAME: u32 = 1;

/// A token bucket, kept as the moment at which it will be full again. Nothing has to run to refill it.
#[derive(Debug)]
pub(super) struct Bucket {
    full_at: Instant,
    /// How long a tenth of a command takes to come back.
    unit: Duration,
    /// How long the empty bucket takes to fill.
    depth: Duration,
}

impl Bucket {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let unit = Duration::from_secs(1) / (limits.commands_per_s.max(1).saturating_mul(COMMAND));
        Self { full_at: now, unit, depth: unit * limits.commands_burst.max(1).saturating_mul(COMMAND) }
    }

    /// Takes `cost` out, or tells how long to wait until it is there. A refusal takes nothing.
    pub(super) fn take(&mut self, cost: u32, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.unit * cost;
        let missing = full_at.saturating_duration_since(now + self.depth);
        if missing.is_zero() {
            self.full_at = full_at;
            Ok(())
        } else {
            Err(missing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_the_sustained_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(&Limits { commands_per_s: 20, commands_burst: 60, ..Limits::default() }, start);
        for _ in 0..60 {
            assert_eq!(bucket.take(COMMAND, start), Ok(()));
        }
        assert_eq!(bucket.take(COMMAND, start), Err(Duration::from_millis(50)));
        assert_eq!(bucket.take(FRAME, start), Err(Duration::from_millis(5)));
        let later = start + Duration::from_millis(50);
        assert_eq!(bucket.take(COMMAND, later), Ok(()));
        assert!(bucket.take(COMMAND, later).is_err());
    }
}
