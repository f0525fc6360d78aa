//! Whether the projectors of this process keep up.

use std::{collections::BTreeMap, sync::Mutex};

use voxlog_core::position::{Partition, Partitions, Seq};

/// What the projectors last found, by partition. Shared with who wants to know.
#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<Partition, Option<Look>>>);

/// A partition at one look.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// The checkpoint.
    at: Seq,
    /// Where the log ended.
    end: Seq,
    keeps_up: bool,
}

impl Health {
    /// Whether, at the last look, every partition had all that the log had one look before, or had at least moved.
    /// False while any is at fault, and until all have been looked at. What refuses shows at the next look
    /// ([`measure_every`](crate::projector::Config::measure_every)); a PostgreSQL that hangs does not show here.
    pub fn keeps_up(&self) -> bool {
        let looks = self.looks();
        !looks.is_empty() && looks.values().all(|look| look.is_some_and(|look| look.keeps_up))
    }

    pub(crate) fn begin(&self, partitions: Partitions) {
        *self.looks() = partitions.all().map(|partition| (partition, None)).collect();
    }

    pub(crate) fn looked(&self, partition: Partition, at: Seq, end: Seq) {
        let mut looks = self.looks();
        let before = looks.get(&partition).copied().flatten();
        let keeps_up = at >= end || before.is_some_and(|before| at >= before.end || at > before.at);
        looks.insert(partition, Some(Look { at, end, keeps_up }));
    }

    /// What was found before says nothing any more.
    pub(crate) fn failed(&self, partition: Partition) {
        self.looks().insert(partition, None);
    }

    fn looks(&self) -> std::sync::MutexGuard<'_, BTreeMap<Partition, Option<Look>>> {
        self.0.lock().expect("a health's lock is held for one assignment")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Partition = Partition(0);

    fn of(looks: &[(u64, u64)]) -> bool {
        let health = Health::default();
        health.begin(Partitions::new(1).unwrap());
        for &(at, end) in looks {
            health.looked(ONE, Seq(at), Seq(end));
        }
        health.keeps_up()
    }

    #[test]
    fn who_has_the_end_or_moves_keeps_up() {
        for looks in [&[(0, 0)][..], &[(3, 9), (9, 9)], &[(3, 9), (4, 30)], &[(9, 9), (9, 10)]] {
            assert!(of(looks), "{looks:?}");
        }
    }

    #[test]
    fn who_was_not_seen_moving_or_stands_still_does_not() {
        for looks in [&[][..], &[(3, 9)], &[(3, 9), (3, 12)], &[(9, 9), (9, 10), (9, 10)]] {
            assert!(!of(looks), "{looks:?}");
        }
    }

    #[test]
    fn one_partition_at_fault_is_enough() {
        assert!(!Health::default().keeps_up(), "nothing runs yet");
        let health = Health::default();
        health.begin(Partitions::new(2).unwrap());
        health.looked(ONE, Seq(1), Seq(1));
        assert!(!health.keeps_up(), "the other was not looked at");
        health.looked(Partition(1), Seq(1), Seq(1));
        assert!(health.keeps_up());
        health.failed(ONE);
        assert!(!health.keeps_up());
    }
}
