//! How often the same is passed on.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// That something goes on is passed on so often at most. Its end always is, once.
const EVERY: Duration = Duration::from_secs(1);

/// Whether something goes on that ends by itself after that time: then its end need not be passed on.
const LASTS: Duration = Duration::from_secs(6);

/// What was passed on lately.
#[derive(Debug)]
pub(super) struct Pacer<K>(HashMap<K, Passed>);

#[derive(Debug, Clone, Copy)]
struct Passed {
    begun_at: Instant,
    goes_on: bool,
}

impl<K> Default for Pacer<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Pacer<K> {
    /// Whether this is to be passed on. Then it counts as passed on.
    pub(super) fn lets_pass(&mut self, key: K, begins: bool, now: Instant) -> bool {
        let last = self.0.get(&key).filter(|passed| now - passed.begun_at < LASTS);
        match (begins, last) {
            (true, Some(passed)) if now - passed.begun_at < EVERY => false,
            (true, _) => {
                self.0.insert(key, Passed { begun_at: now, goes_on: true });
                true
            }
            (false, Some(&Passed { begun_at, goes_on: true })) => {
                self.0.insert(key, Passed { begun_at, goes_on: false });
                true
            }
            (false, _) => false,
        }
    }

    /// Forgets what is over by itself.
    pub(super) fn forget(&mut self, now: Instant) {
        self.0.retain(|_, passed| now - passed.begun_at < LASTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_passed_on_once_a_second_and_its_end_once() {
        let (mut pacer, begin) = (Pacer::default(), Instant::now());
        let at = |millis| begin + Duration::from_millis(millis);
        assert!(!pacer.lets_pass("ada", false, at(0)), "nothing goes on that could end");
        assert!(pacer.lets_pass("ada", true, at(0)) && !pacer.lets_pass("ada", true, at(999)));
        assert!(pacer.lets_pass("bob", true, at(999)), "everybody has their own second");
        assert!(pacer.lets_pass("ada", true, at(1000)));
        assert!(pacer.lets_pass("ada", false, at(1001)) && !pacer.lets_pass("ada", false, at(1002)));
        assert!(!pacer.lets_pass("ada", true, at(1999)) && pacer.lets_pass("ada", true, at(2000)));
        pacer.forget(at(9000));
        assert!(pacer.0.is_empty());
    }
}
