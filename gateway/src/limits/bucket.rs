//! The arithmetic of a token bucket: no IO, no clock. The time comes in as what has passed since a moment that never
//! moves, and nothing has to run to refill a bucket.

use std::time::Duration;

/// How much may be used at once, and how fast it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What a bucket holds when it is full; at least 1.
    pub burst: u32,
    /// How long one token takes to come back.
    pub every: Duration,
}

impl Policy {
    /// `burst` at once and then `tokens` in each `per`.
    pub const fn new(burst: u32, tokens: u32, per: Duration) -> Self {
        let every = per.as_nanos() / tokens as u128;
        // A token an hour is the slowest that anybody means; that many nanoseconds are far below 2^64.
        #[expect(clippy::cast_possible_truncation, reason = "an hour in nanoseconds fits")]
        Self { burst, every: Duration::from_nanos(every as u64) }
    }

    /// How long an empty bucket takes to fill.
    pub fn window(self) -> Duration {
        self.every.saturating_mul(self.burst)
    }
}

/// A bucket, kept as the moment at which it will be full again. It may be in debt: others have used what it did not
/// know to be gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    full_at: Duration,
}

impl Bucket {
    /// Takes `cost` out, or tells how long to wait until it is there. A refusal takes nothing.
    pub(super) fn take(&mut self, policy: Policy, cost: u32, now: Duration) -> Result<(), Duration> {
        // What a bucket can never hold would be refused for ever.
        let cost = cost.min(policy.burst.max(1));
        let full_at = self.full_at.max(now) + policy.every.saturating_mul(cost);
        let missing = full_at.saturating_sub(now + policy.window());
        if missing.is_zero() {
            self.full_at = full_at;
            Ok(())
        } else {
            Err(missing)
        }
    }

    /// Counts what was used elsewhere. A debt never exceeds a whole bucket, so that no mistake of another gateway locks
    /// anybody out for longer than that.
    pub(super) fn charge(&mut self, policy: Policy, cost: u32, now: Duration) {
        let full_at = self.full_at.max(now) + policy.every.saturating_mul(cost);
        self.full_at = full_at.min(now + policy.window() * 2);
    }

    /// What may still be taken now.
    pub(super) fn remaining(&self, policy: Policy, now: Duration) -> u32 {
        let there = policy.window().saturating_sub(self.full_in(now));
        let tokens = there.as_nanos() / policy.every.as_nanos().max(1);
        u32::try_from(tokens).unwrap_or(u32::MAX).min(policy.burst)
    }

    /// How long it takes to be full. A full bucket need not be remembered.
    pub(super) fn full_in(&self, now: Duration) -> Duration {
        self.full_at.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy::new(10, 2, Duration::from_secs(1));

    #[test]
    fn a_burst_is_let_through_and_then_the_sustained_rate() {
        let (mut bucket, start) = (Bucket::default(), Duration::from_secs(1000));
        for left in (0..10).rev() {
            assert_eq!(bucket.take(POLICY, 1, start), Ok(()));
            assert_eq!(bucket.remaining(POLICY, start), left);
        }
        assert_eq!(bucket.take(POLICY, 1, start), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(POLICY, 1, start + Duration::from_millis(500)), Ok(()));
        assert_eq!(bucket.full_in(start + Duration::from_millis(500)), Duration::from_secs(5));
        assert_eq!(bucket.remaining(POLICY, start + Duration::from_mins(1)), 10);
    }

    #[test]
    fn what_others_used_is_paid_off_before_anything_is_let_through() {
        let (mut bucket, start) = (Bucket::default(), Duration::ZERO);
        bucket.charge(POLICY, 12, start);
        assert_eq!(bucket.remaining(POLICY, start), 0);
        assert_eq!(bucket.take(POLICY, 1, start), Err(Duration::from_millis(1500)));
        bucket.charge(POLICY, u32::MAX, start);
        assert_eq!(bucket.full_in(start), POLICY.window() * 2, "a debt is at most a whole bucket");
    }

    #[test]
    fn what_costs_more_than_a_bucket_holds_takes_all_of_it() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(POLICY, 11, Duration::ZERO), Ok(()));
        assert_eq!(bucket.remaining(POLICY, Duration::ZERO), 0);
    }

    proptest! {
        /// However the asking is spread over time.
        #[test]
        fn never_more_than_the_burst_and_the_rate(pauses in prop::collection::vec(0_u64..400, 1..200)) {
            let (mut bucket, mut now, mut taken) = (Bucket::default(), Duration::ZERO, 0_u32);
            for pause in pauses {
                now += Duration::from_millis(pause);
                if bucket.take(POLICY, 1, now).is_ok() {
                    taken += 1;
                }
                let allowed = f64::from(POLICY.burst) + now.as_secs_f64() * 2.0;
                prop_assert!(f64::from(taken) <= allowed + 1e-6, "{taken} of {allowed} in {now:?}");
            }
        }
    }
}
