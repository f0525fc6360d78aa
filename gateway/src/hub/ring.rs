//! The latest events of a room, at hand for those who come back soon.

use std::{collections::VecDeque, sync::Arc};

use voxlog_core::position::{Class, Heads, Seq};

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

    /// The last seq of a class before the first entry.
    pub(super) fn floor(&self, class: Class) -> Seq {
        self.floor.of(class)
    }

    /// Lets go of message events, and links each that stays to the one before it; `standing` is the last before the
    /// ring that stays. Gives the seqs of those that went, and the last of those that stay.
    pub(super) fn forget(&mut self, standing: Seq, goes: impl Fn(&Entry) -> bool) -> (Vec<Seq>, Seq) {
        let (mut gone, mut last) = (Vec::new(), standing);
        self.floor.msg = standing;
        self.entries.retain_mut(|entry| {
            if entry.class != Class::Msg {
                return true;
            }
            if goes(entry) {
                gone.push(entry.seq);
                return false;
            }
            if entry.prev != last {
                *entry = Entry::new(entry.room, entry.class, entry.seq, last, entry.event.clone());
            }
            last = entry.seq;
            true
        });
        (gone, last)
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
    use voxlog_core::{clock::SystemClock, id::RoomId};

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
    fn what_is_forgotten_leaves_no_gap() {
        let mut ring = ring_of(3..=7, 8);
        let (gone, last) = ring.forget(Seq(1), |entry| [3, 5, 7].contains(&entry.seq.0));
        assert_eq!((gone, last), (vec![Seq(3), Seq(5), Seq(7)], Seq(6)));
        assert!(ring.covers(&Heads { msg: Seq(1), ..Heads::default() }));
        let links: Vec<_> = ring.entries.iter().map(|entry| (entry.prev.0, entry.seq.0)).collect();
        assert_eq!(links, [(1, 4), (4, 6)]);
    }

    #[test]
    fn a_page_begins_at_the_oldest() {
        let page = ring_of(1..=5, 8).after_cursor(&Heads::default(), 2);
        assert_eq!(page.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [1, 2]);
    }
}
