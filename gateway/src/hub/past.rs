//! A room as it was, read from the log alone.
//!
//! A moment is a cut through the room's chains: for a seq, everything up to it; for a time, everything that the log had
//! taken by then, by the log's own clock. The state and the call are the fold of the chains up to the cut, the messages
//! are the last ones before it as they read then.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::{
    call,
    clock::Time,
    fold::{Folded, fold},
    id::{RoomId, UserId},
    position::{Chain, Class, Cursor, Heads, Seq},
    rejection::Rejection,
    room::View,
};

use super::{Hub, catch_up::check_may_read, execute::closed};
use crate::{
    error::Failure,
    identity::{Caller, Scope},
};

pub use said::{PastMessage, PastReaction};

mod said;

/// The most messages that are shown with a moment.
pub const MAX_MESSAGES: usize = 100;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Somebody who must be allowed to read the room now.
    User(UserId),
    /// An operator, who may look into any room.
    Operator,
}

impl From<UserId> for Reader {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl From<&Caller> for Reader {
    fn from(caller: &Caller) -> Self {
        if caller.scopes.holds(Scope::Admin) { Self::Operator } else { Self::User(caller.user) }
    }
}

/// Which moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// This one.
    Now,
    /// After the event of this seq, at most the last one of the room.
    Seq(Seq),
    /// At this time, by the log's clock. A time that has not come yet is now.
    Time(Time),
}

/// A room at a moment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// The last seq of each class at that moment: a cursor from which `subscribe` goes on.
    pub heads: Heads,
    /// The room.
    pub state: View,
    /// Its call, when one went on.
    pub call: Option<call::Ongoing>,
    /// The last messages as they read then, oldest first; empty unless some were asked for. What the log does not have
    /// any more is not among them: a room that keeps no messages has none that are older than a minute.
    pub messages: Vec<PastMessage>,
}

impl Hub {
    /// A room as it was, with its last `messages`, at most [`MAX_MESSAGES`]. Who may read the room now may read its past.
    pub async fn past(
        self: &Arc<Self>,
        reader: impl Into<Reader>,
        room: RoomId,
        at: At,
        messages: usize,
    ) -> Result<Past, Failure> {
        let now = self.now(reader.into(), room, at).await?;
        let _turn = self.catch_ups.acquire().await.map_err(|_closed| closed())?;
        let mut past = match at {
            At::Now => now,
            At::Seq(_) | At::Time(_) => self.at_moment(room, at, now.heads).await?,
        };
        past.messages = self.said(room, past.heads.msg, messages.min(MAX_MESSAGES)).await?;
        Ok(past)
    }

    /// The room as it is, without messages, if the reader may read it, on a node that is as far as the moment, which may
    /// come from one that is ahead.
    async fn now(self: &Arc<Self>, reader: Reader, room: RoomId, at: At) -> Result<Past, Failure> {
        let now = self.readable(reader, room).await?;
        let At::Seq(seq) = at else { return Ok(now) };
        if seq <= now.heads.last() {
            return Ok(now);
        }
        if self.reach_cursor(room, Cursor { ctl: Some(seq), ..Cursor::default() }).await? {
            let now = self.readable(reader, room).await?;
            if seq <= now.heads.last() {
                return Ok(now);
            }
        }
        Err(Failure::invalid("at", "is beyond the room's last event"))
    }

    async fn readable(self: &Arc<Self>, reader: Reader, room: RoomId) -> Result<Past, Failure> {
        self.open(room).await?;
        let mut rooms = self.lane(room).lock();
        let open = rooms.open(room).ok_or_else(closed)?;
        if let Reader::User(user) = reader {
            check_may_read(open.state(), user, self.clock.now())?;
        }
        Past::of(open.heads, &open.folded)
    }

    /// The room at a moment, without messages. Its chains were seen to end at `known`.
    async fn at_moment(&self, room: RoomId, at: At, known: Heads) -> Result<Past, Failure> {
        let mut heads = Heads::default();
        for class in Class::ALL {
            *heads.of_mut(class) = self.cut(Chain::Room(room, class), at, known.of(class)).await?;
        }
        let (folded, _) = fold(&*self.log, room, heads.last()).await?;
        Past::of(heads, &folded)
    }

    /// The last seq of a chain, which ends at `head`, at a moment.
    async fn cut(&self, chain: Chain, at: At, head: Seq) -> Result<Seq, Failure> {
        match at {
            At::Now => Ok(head),
            At::Seq(seq) if seq >= head => Ok(head),
            At::Seq(seq) => {
                let last = self.log.read_before(chain, seq.next(), 1).await?;
                Ok(last.last().map_or(Seq::ZERO, |stored| stored.seq))
            }
            At::Time(time) => self.cut_at_time(chain, time, head).await,
        }
    }

    /// Halves the way to the first record that the log took later. Every look finds the next record after a place,
    /// so a chain that is thin in its stream takes fewer of them.
    async fn cut_at_time(&self, chain: Chain, time: Time, head: Seq) -> Result<Seq, Failure> {
        let (mut in_time, mut late_after) = (Seq::ZERO, head);
        while in_time < late_after {
            let middle = Seq(in_time.0 + (late_after.0 - in_time.0) / 2);
            let next = self.log.read(chain, middle, 1, head).await?.pop();
            match next.filter(|next| next.seq <= head && next.time <= time) {
                Some(next) => in_time = next.seq,
                None => late_after = middle,
            }
        }
        Ok(in_time)
    }
}

impl Past {
    fn of(heads: Heads, folded: &Folded) -> Result<Self, Failure> {
        let state = folded.room.view().ok_or(Rejection::NotFound("room"))?;
        Ok(Self { heads, state, call: folded.call.ongoing().cloned(), messages: Vec::new() })
    }
}
