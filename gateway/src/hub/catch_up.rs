//! How a socket that is behind comes up to where the fan-out is.
//!
//! A new subscriber, one who resumes after a week and one whose queue overflowed are all the same case: a cursor, and
//! steps from it. A step is a page from the ring, else from the log, or the moment when nothing is missing and the
//! outbox is attached, under the lane's lock, so that no event falls between.

use std::sync::Arc;

use voxlog_core::{
    clock::Time,
    id::{RoomId, UserId},
    log::Stored,
    position::{Chain, Class, Cursor, Heads, Seq},
    rejection::Rejection,
    room::Room,
};

use super::{Entry, Hub, Opening, Outbox, Step, execute::closed};
use crate::{
    error::{Code, Failure},
    protocol::reply::RoomNow,
};

/// Events in a page: what a slow socket holds in memory at once, beside its queue.
const PAGE: usize = 256;

impl Hub {
    /// What `subscribed` says: the room as it is, and whether what came after the cursor can follow. Attaches nothing.
    pub async fn open_for(
        self: &Arc<Self>,
        user: UserId,
        room: RoomId,
        cursor: Option<Cursor>,
    ) -> Result<Opening, Failure> {
        self.open(room).await?;
        let ahead = match cursor {
            Some(cursor) => !self.reach_cursor(room, cursor).await?,
            None => false,
        };
        let (mut rooms, now) = (self.lane(room).lock(), self.clock.now());
        let open = rooms.open_refreshed(room, &self.picture, now).ok_or_else(closed)?;
        check_may_read(open.state(), user, now)?;
        let (ambience, told) = open.told.snapshot();
        let room = open.state().view().ok_or(Rejection::NotFound("room"))?;
        let state = RoomNow { room, ambience, call: open.call().cloned() };
        let heads = open.heads;
        let (from, reason) = match cursor {
            None => (heads, None),
            Some(_) if ahead => (heads, Some("cursor_ahead")),
            Some(cursor) => {
                let from = starting_at(cursor, heads);
                if open.remembers(&from) { (from, None) } else { (heads, Some("not_recorded")) }
            }
        };
        let recovered = cursor.is_some() && reason.is_none();
        Ok(Opening { recovered, reason, heads, state, from, told })
    }

    /// The next step of a socket that has been sent everything up to `cursor`. Fails when its user may not read the
    /// room any more, and when some of what is missing may have left the log: who subscribes again is told which. The
    /// outbox is attached under the name that the socket has for its subscription; what it knows of what is true only now
    /// has a version.
    pub async fn catch_up(
        self: &Arc<Self>,
        user: UserId,
        room: RoomId,
        cursor: &Heads,
        outbox: &Arc<Outbox>,
        (subscription, knows): (u64, Option<u64>),
    ) -> Result<Step, Failure> {
        self.open(room).await?;
        let heads = {
            let (mut rooms, now) = (self.lane(room).lock(), self.clock.now());
            let open = rooms.open_refreshed(room, &self.picture, now).ok_or_else(closed)?;
            check_may_read(open.state(), user, now)?;
            if Class::ALL.into_iter().all(|class| cursor.of(class) >= open.heads.of(class)) {
                open.attach(user, outbox, subscription, knows);
                return Ok(Step::Live);
            }
            if open.ring.covers(cursor) {
                let entries = open.ring.after_cursor(cursor, PAGE);
                let then = advanced(*cursor, &entries);
                return Ok(Step::Page { entries, then });
            }
            if !open.remembers(cursor) {
                return Err(forgotten());
            }
            open.heads
        };
        self.page_from_log(room, cursor, &heads).await
    }

    /// The outbox gets nothing more of this room.
    pub fn detach(&self, room: RoomId, outbox: &Arc<Outbox>) {
        if let Some(open) = self.lane(room).lock().open(room) {
            open.detach(outbox);
        }
    }

    /// A page of one class straight from the log, oldest first: after a seq, else before one, else the latest.
    pub async fn history(
        self: &Arc<Self>,
        user: UserId,
        room: RoomId,
        class: Class,
        after: Option<Seq>,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Arc<Entry>>, Failure> {
        self.open(room).await?;
        let head = {
            let mut rooms = self.lane(room).lock();
            let open = rooms.open(room).ok_or_else(closed)?;
            check_may_read(open.state(), user, self.clock.now())?;
            open.heads.of(class)
        };
        let chain = Chain::Room(room, class);
        if let Some(after) = after {
            let page = self.log.read(chain, after, limit, head).await?;
            return Ok(entries(room, class, after, page, head));
        }
        let before = before.map_or(head.next(), |before| before.min(head.next()));
        // One more than asked for: it is the `prev` of the first.
        let mut page = self.log.read_before(chain, before, limit + 1).await?;
        let prev = if page.len() > limit { page.remove(0).seq } else { Seq::ZERO };
        Ok(entries(room, class, prev, page, head))
    }

    /// Waits until this node is as far as the cursor, which may come from a node that is ahead of this one. False when
    /// the log itself has never been there.
    pub(super) async fn reach_cursor(&self, room: RoomId, cursor: Cursor) -> Result<bool, Failure> {
        let lane = self.lane(room);
        let last = cursor.ctl.max(cursor.msg).max(cursor.call).unwrap_or_default();
        if last <= lane.applied() {
            return Ok(true);
        }
        if last > self.log.tail(lane.partition).await?.last {
            return Ok(false);
        }
        lane.reach(last).await?;
        Ok(true)
    }

    /// The next events of all classes after `cursor` and up to `heads`, where the reader's right was checked.
    async fn page_from_log(&self, room: RoomId, cursor: &Heads, heads: &Heads) -> Result<Step, Failure> {
        let _turn = self.catch_ups.acquire().await.map_err(|_closed| closed())?;
        let (mut page, mut complete_to) = (Vec::new(), None::<Seq>);
        for class in Class::ALL {
            let (after, head) = (cursor.of(class), heads.of(class));
            if after >= head {
                continue;
            }
            let read = self.log.read(Chain::Room(room, class), after, PAGE, head).await?;
            if let (true, Some(last)) = (read.len() == PAGE, read.last()) {
                complete_to = Some(complete_to.map_or(last.seq, |to| to.min(last.seq)));
            }
            page.extend(entries(room, class, after, read, head));
        }
        page.sort_unstable_by_key(|entry| entry.seq);
        let Some(complete_to) = complete_to else {
            return Ok(Step::Page { entries: page, then: later(*cursor, heads) });
        };
        // Beyond the end of a full page of one class, the others would overtake what that class has not read yet.
        page.retain(|entry| entry.seq <= complete_to);
        Ok(Step::Page { then: advanced(*cursor, &page), entries: page })
    }
}

/// A gap is never passed over in silence.
fn forgotten() -> Failure {
    Failure::new(Code::Conflict, "some of what you missed was not recorded: subscribe again")
}

/// The cursor after `entries` have been sent.
fn advanced(mut cursor: Heads, entries: &[Arc<Entry>]) -> Heads {
    for entry in entries {
        *cursor.of_mut(entry.class) = entry.seq;
    }
    cursor
}

/// Everything up to `heads` has been sent, or is no longer in the log.
fn later(mut cursor: Heads, heads: &Heads) -> Heads {
    for class in Class::ALL {
        *cursor.of_mut(class) = cursor.of(class).max(heads.of(class));
    }
    cursor
}

/// Whether the user may read the room now, or why not.
pub(super) fn check_may_read(state: &Room, user: UserId, now: Time) -> Result<(), Rejection> {
    match state.interior() {
        None => Err(Rejection::NotFound("room")),
        Some(_) if state.may_read(user) => Ok(()),
        Some(interior) if interior.is_banned(user, now) => Err(Rejection::Banned),
        Some(_) => Err(Rejection::NotAMember),
    }
}

/// A class of which the client holds nothing begins at its end: the state in `subscribed` stands for what was before.
fn starting_at(cursor: Cursor, heads: Heads) -> Heads {
    Heads {
        ctl: cursor.ctl.unwrap_or(heads.ctl),
        msg: cursor.msg.unwrap_or(heads.msg),
        call: cursor.call.unwrap_or(heads.call),
    }
}

/// Records of one chain as entries. Nothing stands between `after` and the first. What is beyond `head` stays unseen:
/// the reader's right to it has not been checked.
fn entries(room: RoomId, class: Class, after: Seq, records: Vec<Stored>, head: Seq) -> Vec<Arc<Entry>> {
    let mut prev = after;
    let within = records.into_iter().take_while(|stored| stored.seq <= head);
    within
        .map(|stored| Entry::new(room, class, stored.seq, std::mem::replace(&mut prev, stored.seq), stored.payload))
        .collect()
}
