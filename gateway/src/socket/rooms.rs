//! Where a socket is in each of its rooms, and how it comes up to the fan-out.
//!
//! A room is *behind* until the hub says, in one step with attaching the outbox, that nothing is missing; then it is
//! *live*. While it is behind, what the outbox has of it is left alone: the steps bring it. When the outbox overflows,
//! every room is behind again. The cursor is what has been written and nothing else, so what comes twice is known by
//! its seq, and nothing can be skipped. One step is under way at a time, of the rooms in turn.
//!
//! A step may make its room live, and events may follow, before this socket has heard of it. So what the outbox has of
//! the room under way is held until the step's outcome says whether it counts.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    future::pending,
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use voxlog_core::{
    id::{RoomId, UserId},
    position::{Class, Heads},
};

use crate::{
    error::{Code, Failure},
    hub::{AmbientFrame, Entry, Hub, Outbox, Step},
};

/// How long a socket waits before it asks again when the log could not be read.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The rooms of one socket.
#[derive(Debug)]
pub(super) struct Rooms {
    hub: Arc<Hub>,
    outbox: Arc<Outbox>,
    followed: HashMap<RoomId, Followed>,
    /// Rooms that are behind, in the order of their turns.
    turns: VecDeque<RoomId>,
    under_way: Option<UnderWay>,
    /// No step before this moment.
    not_before: Instant,
    /// How many subscriptions there were, to tell one of a room from the next.
    subscriptions: u64,
    /// The client was told that it lags, and not yet that it has caught up.
    lagging: bool,
}

#[derive(Debug)]
struct Followed {
    /// The last seq of each class that was written.
    cursor: Heads,
    /// The version of what is true only now that was written; `None` when that may have been lost.
    told: Option<u64>,
    live: bool,
    /// A step that was started for an earlier subscription of the room is void.
    subscription: u64,
}

#[derive(Debug)]
struct UnderWay {
    room: RoomId,
    subscription: u64,
    held: Vec<Held>,
    task: JoinHandle<Result<Step, Failure>>,
}

/// A step that has ended.
#[derive(Debug)]
pub(super) struct Stepped {
    room: RoomId,
    subscription: u64,
    held: Vec<Held>,
    outcome: Result<Step, Failure>,
}

/// Something of a room that the socket is to write.
#[derive(Debug, Clone)]
pub(super) enum Held {
    /// An event.
    Event(Arc<Entry>),
    /// What is true only now.
    Ambient(Arc<AmbientFrame>),
}

impl Held {
    fn room(&self) -> RoomId {
        match self {
            Self::Event(entry) => entry.room,
            Self::Ambient(frame) => frame.room,
        }
    }
}

impl Rooms {
    pub(super) fn new(hub: Arc<Hub>, outbox: Arc<Outbox>) -> Self {
        Self {
            hub,
            outbox,
            followed: HashMap::new(),
            turns: VecDeque::new(),
            under_way: None,
            not_before: Instant::now(),
            subscriptions: 0,
            lagging: false,
        }
    }

    /// Follows a room from a cursor on, also one that is followed already from elsewhere.
    pub(super) fn open(&mut self, room: RoomId, from: Heads, told: u64) {
        self.forget(room);
        self.subscriptions += 1;
        let (told, subscription) = (Some(told), self.subscriptions);
        self.followed.insert(room, Followed { cursor: from, told, live: false, subscription });
        self.turns.push_back(room);
    }

    /// Wants nothing more of a room.
    pub(super) fn forget(&mut self, room: RoomId) {
        if let Some(followed) = self.followed.remove(&room) {
            self.turns.retain(|turn| *turn != room);
            if followed.live {
                self.hub.detach(room, &self.outbox);
            }
        }
    }

    /// The hub has ended a subscription. False when that was an earlier one of the room, and nothing has ended.
    pub(super) fn ended(&mut self, room: RoomId, subscription: u64) -> bool {
        let ends = self.followed.get(&room).is_some_and(|followed| followed.subscription == subscription);
        if ends {
            self.forget(room);
        }
        ends
    }

    /// The outbox has lost what it had: every room is behind its cursor again.
    pub(super) fn overflowed(&mut self) {
        self.lagging = true;
        for (room, followed) in &mut self.followed {
            if followed.live {
                self.hub.detach(*room, &self.outbox);
                self.turns.push_back(*room);
            } else if self.under_way.as_ref().is_some_and(|step| step.room == *room) {
                // It may have become live, and have lost something since.
                self.turns.push_back(*room);
            }
            self.subscriptions += 1;
            (followed.live, followed.told, followed.subscription) = (false, None, self.subscriptions);
        }
    }

    /// Whether what came from the outbox is to be written now. Then it counts as written.
    pub(super) fn admit(&mut self, item: &Held) -> bool {
        let room = item.room();
        if let Some(step) = self.under_way.as_mut().filter(|step| step.room == room) {
            step.held.push(item.clone());
            return false;
        }
        let Some(followed) = self.followed.get_mut(&room).filter(|followed| followed.live) else {
            return false;
        };
        let Held::Event(entry) = item else { return true };
        let last = followed.cursor.of_mut(entry.class);
        let is_new = entry.seq > *last;
        *last = entry.seq.max(*last);
        is_new
    }

    /// Whether the next step may start.
    pub(super) fn may_step(&self) -> bool {
        self.waits_for_turn() && Instant::now() >= self.not_before
    }

    /// Starts the step of the room whose turn it is, in a task of its own: it must go on while this socket is being
    /// written to, for others wait for the same turn at the log.
    pub(super) fn start_step(&mut self, user: UserId) {
        let Some(room) = self.turns.pop_front() else { return };
        let Some(&Followed { cursor, told, subscription, .. }) = self.followed.get(&room) else { return };
        let (hub, outbox) = (Arc::clone(&self.hub), Arc::clone(&self.outbox));
        let task = tokio::spawn(async move { hub.catch_up(user, room, &cursor, &outbox, (subscription, told)).await });
        self.under_way = Some(UnderWay { room, subscription, held: Vec::new(), task });
    }

    /// Waits for the step under way, or until the next may start: then `None`. Cancel safe.
    pub(super) async fn step(&mut self) -> Option<Stepped> {
        let Some(step) = &mut self.under_way else {
            if self.waits_for_turn() {
                sleep_until(self.not_before).await;
                return None;
            }
            return pending().await;
        };
        let outcome = (&mut step.task).await.unwrap_or_else(|error| Err(Failure::internal(&error)));
        let UnderWay { room, subscription, held, .. } = self.under_way.take()?;
        Some(Stepped { room, subscription, held, outcome })
    }

    /// Takes a step's outcome: what to write, in order, which counts as written; or the room that was lost, and why.
    pub(super) fn stepped(&mut self, stepped: Stepped) -> Result<Vec<Held>, (RoomId, Failure)> {
        let Stepped { room, subscription, held, outcome } = stepped;
        let Some(followed) = self.followed.get_mut(&room).filter(|now| now.subscription == subscription) else {
            if matches!(outcome, Ok(Step::Live)) {
                self.hub.detach(room, &self.outbox);
            }
            return Ok(Vec::new());
        };
        match outcome {
            Ok(Step::Live) => {
                followed.live = true;
                Ok(held.into_iter().filter(|item| self.admit(item)).collect())
            }
            Ok(Step::Page { entries, then }) => {
                followed.cursor = then;
                self.turns.push_back(room);
                Ok(entries.into_iter().map(Held::Event).collect())
            }
            Err(Failure { code: Code::Unavailable, .. }) => {
                self.turns.push_back(room);
                self.not_before = Instant::now() + RETRY_AFTER;
                Ok(Vec::new())
            }
            Err(failure) => {
                self.forget(room);
                Err((room, failure))
            }
        }
    }

    /// True once, when all rooms are live again after an overflow.
    pub(super) fn have_caught_up(&mut self) -> bool {
        let caught_up = self.lagging && self.followed.values().all(|followed| followed.live);
        self.lagging &= !caught_up;
        caught_up
    }

    /// The heads of the rooms that are live.
    pub(super) fn live_heads(&self) -> BTreeMap<RoomId, Heads> {
        let live = self.followed.iter().filter(|(_, followed)| followed.live);
        live.filter_map(|(room, _)| Some((*room, self.hub.heads(*room)?))).collect()
    }

    /// Whether all of a room up to `heads` has been written.
    pub(super) fn have_written(&self, room: RoomId, heads: &Heads) -> bool {
        let reached =
            |followed: &Followed| Class::ALL.into_iter().all(|class| followed.cursor.of(class) >= heads.of(class));
        self.followed.get(&room).is_some_and(reached)
    }

    /// Ends the step under way, so that nothing is attached any more when this is dropped.
    pub(super) async fn end(mut self) {
        if let Some(UnderWay { room, task, .. }) = self.under_way.take() {
            task.abort();
            if let Ok(Ok(Step::Live)) = task.await {
                self.hub.detach(room, &self.outbox);
            }
        }
    }

    fn waits_for_turn(&self) -> bool {
        self.under_way.is_none() && !self.turns.is_empty()
    }
}

impl Drop for Rooms {
    fn drop(&mut self) {
        for (room, _) in self.followed.iter().filter(|(_, followed)| followed.live) {
            self.hub.detach(*room, &self.outbox);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio_util::sync::CancellationToken;
    use voxlog_core::{
        clock::SystemClock,
        log::MemoryLog,
        position::{Partitions, Seq},
    };
    use voxlog_projections::ReadModel;

    use super::*;
    use crate::config::Config;

    async fn rooms() -> (Rooms, CancellationToken) {
        let (clock, over) = (Arc::new(SystemClock), CancellationToken::new());
        let log = Arc::new(MemoryLog::new(Partitions::new(1).expect("one")));
        let read = ReadModel::connect("postgres://nobody@127.0.0.1:1/nothing", "voxlog").expect("a URL");
        let hub = Hub::start(log, read, clock, Config::with_key(""), Arc::default(), &over).await.expect("a log");
        (Rooms::new(hub, Arc::default()), over)
    }

    /// Who was kicked, joined and subscribed again may hear of the kick only then.
    #[tokio::test]
    async fn the_end_of_an_earlier_subscription_does_not_end_the_next() {
        let (mut rooms, over) = rooms().await;
        let room = RoomId::mint(&SystemClock);
        rooms.open(room, Heads::default(), 0);
        let earlier = rooms.subscriptions;
        rooms.open(room, Heads::default(), 0);
        assert!(!rooms.ended(room, earlier) && rooms.followed.contains_key(&room));
        assert!(rooms.ended(room, rooms.subscriptions) && rooms.followed.is_empty());
        assert!(!rooms.ended(room, rooms.subscriptions), "it ends once");
        over.cancel();
    }

    /// What was queued before an overflow was noticed, or for an earlier subscription, must not move the cursor: the
    /// steps would begin beyond what was missed.
    #[tokio::test]
    async fn what_the_outbox_has_of_a_room_that_is_behind_is_left_alone() {
        let (mut rooms, over) = rooms().await;
        let room = RoomId::mint(&SystemClock);
        rooms.open(room, Heads { msg: Seq(3), ..Heads::default() }, 0);
        assert!(!rooms.admit(&Held::Event(Entry::new(room, Class::Msg, Seq(9), Seq(8), Bytes::new()))));
        assert!(rooms.have_written(room, &Heads { msg: Seq(3), ..Heads::default() }));
        assert!(!rooms.have_written(room, &Heads { msg: Seq(4), ..Heads::default() }), "the cursor has stayed");
        over.cancel();
    }
}
