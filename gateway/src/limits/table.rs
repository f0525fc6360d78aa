//! The buckets of one budget on this gateway, and what of their use the other gateways have not been told yet.
//!
//! Memory is bounded: full buckets are forgotten, and when too many are in use the fullest go first. Who floods under
//! many names pushes out others of these, not the bucket that somebody has emptied.

use std::{collections::HashMap, time::Duration};

use super::bucket::{Bucket, Policy};

/// Whose bucket: a keyed hash, so that names and addresses are neither kept nor told.
pub(super) type Key = u128;

/// How many buckets a budget may have in use: some 6 MiB.
const MAX_KEYS: usize = 64 * 1024;

/// How many stay when there were too many. Finding the fullest costs a look at each, so it must be rare.
const KEPT_KEYS: usize = MAX_KEYS / 10 * 9;

#[derive(Debug)]
pub(super) struct Table {
    policy: Policy,
    entries: HashMap<Key, Entry>,
    /// Keys with something untold; some may have been told since.
    listed: Vec<Key>,
    /// Keys whose untold use can't wait for the second to end.
    urgent: Vec<Key>,
}

#[derive(Debug, Default)]
struct Entry {
    bucket: Bucket,
    untold: u32,
    is_listed: bool,
}

/// What was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) remaining: u32,
    pub(super) full_in: Duration,
    /// So much is untold now that the others should know at once.
    pub(super) is_urgent: bool,
}

impl Table {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, entries: HashMap::new(), listed: Vec::new(), urgent: Vec::new() }
    }

    pub(super) const fn policy(&self) -> Policy {
        self.policy
    }

    /// Takes `cost` out of a bucket, or tells how long to wait. From `tell_at` untold tokens on it is urgent.
    pub(super) fn take(&mut self, key: Key, cost: u32, tell_at: u32, now: Duration) -> Result<Taken, Duration> {
        let policy = self.policy;
        let entry = self.entry(key, now);
        entry.bucket.take(policy, cost, now)?;
        let before = entry.untold;
        entry.untold = before.saturating_add(cost);
        let is_urgent = before < tell_at && entry.untold >= tell_at;
        let taken =
            Taken { remaining: entry.bucket.remaining(policy, now), full_in: entry.bucket.full_in(now), is_urgent };
        if !std::mem::replace(&mut entry.is_listed, true) {
            self.listed.push(key);
        }
        if is_urgent {
            self.urgent.push(key);
        }
        Ok(taken)
    }

    /// Counts what another gateway let through.
    pub(super) fn charge(&mut self, key: Key, cost: u32, now: Duration) {
        let policy = self.policy;
        self.entry(key, now).bucket.charge(policy, cost, now);
    }

    /// What is urgent, once.
    pub(super) fn tell_urgent(&mut self) -> Vec<(Key, u32)> {
        let urgent = std::mem::take(&mut self.urgent);
        urgent.into_iter().filter_map(|key| self.tell(key)).collect()
    }

    /// All that is untold, once, and forgets the buckets that are full.
    pub(super) fn tell_all(&mut self, now: Duration) -> Vec<(Key, u32)> {
        self.urgent.clear();
        let listed = std::mem::take(&mut self.listed);
        let told = listed.into_iter().filter_map(|key| {
            self.entries.get_mut(&key)?.is_listed = false;
            self.tell(key)
        });
        let told = told.collect();
        self.forget_full(now);
        told
    }

    fn tell(&mut self, key: Key) -> Option<(Key, u32)> {
        let untold = std::mem::take(&mut self.entries.get_mut(&key)?.untold);
        (untold > 0).then_some((key, untold))
    }

    fn entry(&mut self, key: Key, now: Duration) -> &mut Entry {
        if self.entries.len() >= MAX_KEYS && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        self.entries.entry(key).or_default()
    }

    fn forget_full(&mut self, now: Duration) {
        self.entries.retain(|_, entry| entry.is_listed || !entry.bucket.full_in(now).is_zero());
    }

    fn make_room(&mut self, now: Duration) {
        self.forget_full(now);
        let Some(surplus) = self.entries.len().checked_sub(KEPT_KEYS).filter(|surplus| *surplus > 0) else { return };
        let mut fullness: Vec<_> = self.entries.values().map(|entry| entry.bucket.full_in(now)).collect();
        let (_, &mut limit, _) = fullness.select_nth_unstable(surplus - 1);
        let mut left = surplus;
        self.entries.retain(|_, entry| {
            let goes = left > 0 && entry.bucket.full_in(now) <= limit;
            left -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn table() -> Table {
        Table::new(Policy::new(10, 1, Duration::from_secs(1)))
    }

    #[test]
    fn use_is_told_once_and_sooner_when_it_is_much() {
        let mut table = table();
        let urgent: Vec<_> = (0..5).map(|_| table.take(1, 1, 3, NOW).unwrap().is_urgent).collect();
        assert_eq!(urgent, [false, false, true, false, false]);
        assert!(!table.take(2, 1, 3, NOW).unwrap().is_urgent);
        assert_eq!(table.tell_urgent(), [(1, 5)]);
        assert_eq!(table.tell_urgent(), []);
        table.take(1, 1, 3, NOW).unwrap();
        assert_eq!(table.tell_all(NOW), [(1, 1), (2, 1)]);
        assert_eq!(table.tell_all(NOW), []);
    }

    #[test]
    fn a_full_bucket_is_forgotten_but_never_before_its_use_was_told() {
        let mut table = table();
        table.take(1, 1, 3, NOW).unwrap();
        let later = NOW + Duration::from_secs(1);
        assert_eq!(table.tell_all(later), [(1, 1)]);
        assert!(table.entries.is_empty());
    }

    #[test]
    fn a_flood_of_names_pushes_out_full_buckets_not_the_emptied_one() {
        let mut table = table();
        for _ in 0..10 {
            table.take(Key::MAX, 1, 3, NOW).unwrap();
        }
        for key in 0..2 * MAX_KEYS as Key {
            table.take(key, 1, 3, NOW).unwrap();
        }
        assert!(table.entries.len() <= MAX_KEYS);
        assert!(table.take(Key::MAX, 1, 3, NOW).is_err(), "who has used everything up stays known");
    }

    #[test]
    fn what_others_let_through_counts_here() {
        let mut table = table();
        table.charge(1, 10, NOW);
        assert_eq!(table.take(1, 1, 3, NOW), Err(Duration::from_secs(1)));
        assert_eq!(table.tell_all(NOW), [], "and is not told on");
    }
}
