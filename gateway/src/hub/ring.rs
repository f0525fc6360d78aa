//! The latest events of a room, at hand for those who come back soon.

use std::{collections::VecDeque, sync::Arc};

use voxlog_core::position::{Class, Heads};

use super::entry::Entry;

/// A bounded, gap-free stretch of a room's events, all classes in the order of the log.
#[derive(Debug)]
pub(super) struct Ring {
    entries: VecDeque<Arc<Entry>>,
    /// The last seq of each class before the first entry.
    floor: Heads,
    capacity: usize,
}

impl Ring {
    /// An empty ring that begins after `floor`.
    pub(super) fn after(floor: Heads, capacity: usize) -> Self {
        Self { entries: VecDeque::new(), floor, capacity }
    }

    /// Adds the newest event and gives back the one that had to go.
    pub(super) fn push(&mut self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        self.entries.push_back(entry);
        let gone = (self.entries.len() > self.capacity).then(|| self.entries.pop_front()).flatten()?;
        *self.floor.of_mut(gone.class) = gone.seq;
        Some(gone)
    }

    /// Whether everything after `cursor` is here.
    pub(super) fn covers(&self, cursor: &Heads) -> bool {
        Class::ALL.into_iter().all(|class| cursor.of(class) >= self.floor.of(class))
    }

    /// The events after `cursor`, oldest first, at most `limit`.
    pub(super) fn after_cursor(&self, cursor: &Heads, limit: usize) -> Vec<Arc<Entry>> {
        self.entries.iter().filter(|entry| entry.seq > cursor.of(entry.class)).take(limit).cloned().collect()
    }

    /// The events from the newest to the oldest.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use voxlog_core::{clock::SystemClock, id::RoomId, position::Seq};

    use super::*;

    fn ring_of(seqs: std::ops::RangeInclusive<u64>, capacity: usize) -> Ring {
        let room = RoomId::mint(&SystemClock);
        let mut ring = Ring::after(Heads::default(), capacity);
        for seq in seqs {
            ring.push(Entry::new(room, Class::Msg, Seq(seq), Seq(seq - 1), Bytes::new()));
        }
        ring
    }

    #[test]
    fn a_ring_that_dropped_an_event_does_not_claim_to_have_it() {
        let ring = ring_of(1..=5, 3);
        let cursor = |msg| Heads { msg: Seq(msg), ..Heads::default() };
        assert!(!ring.covers(&cursor(1)));
        assert!(ring.covers(&cursor(2)));
        let seqs: Vec<_> = ring.after_cursor(&cursor(3), 10).iter().map(|entry| entry.seq.0).collect();
        assert_eq!(seqs, [4, 5]);
    }

    #[test]
    fn a_page_begins_at_the_oldest() {
        let page = ring_of(1..=5, 8).after_cursor(&Heads::default(), 2);
        assert_eq!(page.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [1, 2]);
    }
}
