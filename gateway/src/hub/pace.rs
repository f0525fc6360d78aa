//! When each member last wrote: what slow mode asks for.
//!
//! An open room notes every post that it follows. One that opens in slow mode first reads back as far as its pause
//! reaches; where slow mode is switched on later, what has been noted since the room opened counts. Who leaves and comes
//! back is still known. In a room that keeps no messages a post that has left the log can't be read back.

use std::collections::HashMap;

use chrono::TimeDelta;
use voxlog_core::{
    clock::Time,
    envelope::Header,
    event::Event,
    id::{MessageId, RoomId, UserId},
    log::Stored,
    message,
    position::{Chain, Class, Seq},
    room::{MAX_SEATS, Room},
};

use super::{Hub, SKEW};
use crate::error::Failure;

/// Authors that a room knows: all who have a seat, and as many who had one.
const MAX_AUTHORS: usize = 2 * MAX_SEATS as usize;

/// Records that are read back at once, and at all when a room opens: a pause of six hours may lie behind more than that.
const PAGE: usize = 1000;
const MAX_RECORDS: usize = 10_000;

/// The last post of everybody who has written lately.
#[derive(Debug, Default)]
pub(super) struct Pace(HashMap<UserId, LastPost>);

/// Somebody's last post in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastPost {
    pub(super) message: MessageId,
    pub(super) seq: Seq,
    /// When it was decided, by the gateway that took it.
    pub(super) time: Time,
}

impl Pace {
    /// Takes note of a post. In any order: the latest in the log counts.
    pub(super) fn note(&mut self, author: UserId, post: LastPost) {
        let last = self.0.entry(author).or_insert(post);
        if post.seq > last.seq {
            *last = post;
        }
        if self.0.len() > MAX_AUTHORS {
            self.forget_half();
        }
    }

    /// Somebody's last post, as far as it is known.
    pub(super) fn last(&self, author: UserId) -> Option<LastPost> {
        self.0.get(&author).copied()
    }

    /// Those go whose last post is the longest ago.
    fn forget_half(&mut self) {
        let mut seqs: Vec<_> = self.0.values().map(|post| post.seq).collect();
        seqs.sort_unstable();
        let oldest_kept = seqs[seqs.len() / 2];
        self.0.retain(|_, post| post.seq >= oldest_kept);
    }

    fn note_stored(&mut self, stored: &Stored) {
        let Ok(header) = Header::read(&stored.payload) else { return };
        if let Ok(Event::Message(message::Event::Posted { message_id, author_id, .. })) = header.event() {
            self.note(author_id, LastPost { message: message_id, seq: stored.seq, time: header.time });
        }
    }
}

impl Hub {
    /// The pace of a room that comes into memory, as of `head`, the end of its message chain.
    pub(super) async fn pace(&self, room: RoomId, state: &Room, head: Seq) -> Result<Pace, Failure> {
        let (mut pace, mut records, mut before) = (Pace::default(), 0, head.next());
        let pause = state.interior().map_or(0, |interior| interior.settings.slow_mode_s);
        if pause == 0 {
            return Ok(pace);
        }
        let reach = self.clock.now() - TimeDelta::seconds(pause.into()) - SKEW;
        while records < MAX_RECORDS {
            let stretch = self.log.read_before(Chain::Room(room, Class::Msg), before, PAGE).await?;
            for stored in &stretch {
                pace.note_stored(stored);
            }
            records += stretch.len();
            match stretch.first() {
                Some(oldest) if stretch.len() == PAGE && oldest.time > reach => before = oldest.seq,
                _ => break,
            }
        }
        Ok(pace)
    }
}

#[cfg(test)]
mod tests {
    use voxlog_core::clock::{Clock, SystemClock};

    use super::*;

    fn post(seq: u64) -> LastPost {
        LastPost { message: MessageId::mint(&SystemClock), seq: Seq(seq), time: SystemClock.now() }
    }

    #[test]
    fn the_latest_post_in_the_log_counts_in_whatever_order_they_are_noted() {
        let (mut pace, author) = (Pace::default(), UserId::mint(&SystemClock));
        assert_eq!(pace.last(author), None);
        let (first, second) = (post(3), post(7));
        pace.note(author, second);
        pace.note(author, first);
        assert_eq!(pace.last(author), Some(second));
    }

    #[test]
    fn a_crowd_that_comes_and_goes_costs_no_more_than_two_full_rooms() {
        let mut pace = Pace::default();
        let mut last = UserId::mint(&SystemClock);
        for seq in 1..=5 * MAX_AUTHORS as u64 {
            last = UserId::mint(&SystemClock);
            pace.note(last, post(seq));
            assert!(pace.0.len() <= MAX_AUTHORS);
        }
        assert!(pace.last(last).is_some(), "the latest are known");
        assert!(pace.0.len() >= MAX_AUTHORS / 2);
    }
}
