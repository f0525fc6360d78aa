//! A room as it was, read from the log alone.
//!
//! A moment is a cut through the room's chains: for a seq, everything up to it; for a time, everything that the log had
//! taken by then, by the log's own clock. The state is the fold of the control chain up to the cut, the messages are
//! the last ones before it as they read then.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::{
    clock::Time,
    id::{RoomId, UserId},
    position::{Chain, Class, Cursor, Heads, Seq},
    rejection::Rejection,
    room::View,
};

use super::{Hub, catch_up::check_may_read, execute::closed};
use crate::error::Failure;

pub use said::{PastMessage, PastReaction};

mod said;

/// The most messages that are shown with a moment.
pub const MAX_MESSAGES: usize = 100;

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
    /// The last messages as they read then, oldest first; empty unless some were asked for. What the log does not have
    /// any more is not among them: a room that keeps no messages has none that are older than a minute.
    pub messages: Vec<PastMessage>,
}

impl Hub {
    /// A room as it was, with its last `messages`, at most [`MAX_MESSAGES`]. Who may read the room now may read its past.
    pub async fn past(self: &Arc<Self>, user: UserId, room: RoomId, at: At, messages: usize) -> Result<Past, Failure> {
        let (known, now) = self.now(user, room, at).await?;
        let _turn = self.catch_ups.acquire().await.map_err(|_closed| closed())?;
        let (state, ctl) = match at {
            At::Now => (now, known.ctl),
            At::Seq(_) | At::Time(_) => self.state_at(room, at, known.ctl).await?,
        };
        let msg = self.cut(Chain::Room(room, Class::Msg), at, known.msg).await?;
        let call = self.cut(Chain::Room(room, Class::Call), at, known.call).await?;
        let messages = self.said(room, msg, messages.min(MAX_MESSAGES)).await?;
        Ok(Past { heads: Heads { ctl, msg, call }, state, messages })
    }

    /// The room as it is and the ends of its chains, if the user may read it, on a node that is as far as the moment,
    /// which may come from one that is ahead.
    async fn now(self: &Arc<Self>, user: UserId, room: RoomId, at: At) -> Result<(Heads, View), Failure> {
        let now = self.readable(user, room).await?;
        let At::Seq(seq) = at else { return Ok(now) };
        if seq <= now.0.last() {
            return Ok(now);
        }
        if self.reach_cursor(room, Cursor { ctl: Some(seq), ..Cursor::default() }).await? {
            let now = self.readable(user, room).await?;
            if seq <= now.0.last() {
                return Ok(now);
            }
        }
        Err(Failure::invalid("at", "is beyond the room's last event"))
    }

    async fn readable(self: &Arc<Self>, user: UserId, room: RoomId) -> Result<(Heads, View), Failure> {
        self.open(room).await?;
        let mut rooms = self.lane(room).lock();
        let open = rooms.open(room).ok_or_else(closed)?;
        check_may_read(open.state(), user, self.clock.now())?;
        let view = open.state().view().ok_or(Rejection::NotFound("room"))?;
        Ok((open.heads, view))
    }

    async fn state_at(&self, room: RoomId, at: At, known: Seq) -> Result<(View, Seq), Failure> {
        let (folded, last) = self.fold(room, known, |stored| at.is_before(stored.seq, stored.time, known)).await?;
        let state = folded.state.view().ok_or(Rejection::NotFound("room"))?;
        Ok((state, last))
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

impl At {
    /// Whether a record belongs to what was there at the moment, of a chain that was read up to `known`.
    fn is_before(self, seq: Seq, time: Time, known: Seq) -> bool {
        let in_time = match self {
            Self::Now => true,
            Self::Seq(last) => seq <= last,
            Self::Time(last) => time <= last,
        };
        seq <= known && in_time
    }
}
