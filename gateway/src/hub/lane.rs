//! One partition's rooms behind one lock.

use std::{
    collections::{HashMap, hash_map},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::sync::watch;
use voxlog_core::{
    clock::Time,
    id::RoomId,
    log::{Stored, Subject, Tail},
    position::{Chain, Class, Partition, Seq},
};

use super::{ambient::Murmurs, feed::Feed, open_room::OpenRoom};
use crate::{error::Failure, presence::Picture};

/// How long anything waits for the follower. It is milliseconds behind the log in health, and a stream that has lost
/// its leader is back within ten seconds.
const FOLLOW_PATIENCE: Duration = Duration::from_secs(15);

/// What may move the fence at once, on one node: enough to keep the log busy, and few beside the 50 atomic batches that a
/// stream takes at a time from all nodes together.
const TURNS: usize = 8;

/// A partition as this node has it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) partition: Partition,
    rooms: Mutex<Rooms>,
    applied: watch::Sender<Seq>,
    turns: [tokio::sync::Mutex<()>; TURNS],
    /// Shared by those who move the fence, taken whole by whoever needs it to stand still.
    calm: tokio::sync::RwLock<()>,
}

/// The right to move the fence for a room, or to have it stand still. Only this node keeps to it: it is there to get on,
/// not to be right.
#[derive(Debug)]
#[expect(dead_code, reason = "what is held matters, not what is in it")]
pub(super) enum Turn<'a> {
    /// Nobody else on this node moves the fence for the same room.
    Mine(tokio::sync::MutexGuard<'a, ()>, tokio::sync::RwLockReadGuard<'a, ()>),
    /// Nobody else on this node moves the fence.
    Calm(tokio::sync::RwLockWriteGuard<'a, ()>),
}

/// The rooms in use, and the position at which all of them are exact.
#[derive(Debug)]
pub(super) struct Rooms {
    /// Everything up to here has been applied and fanned out.
    pub(super) applied: Seq,
    /// The last marker that was applied. Decisions are appended under it.
    pub(super) fence: Seq,
    pub(super) slots: HashMap<RoomId, Slot>,
    /// Who types and speaks where, of rooms that are in use here and of others.
    pub(super) murmurs: HashMap<RoomId, Murmurs>,
}

/// A room on its way into memory, or in it.
#[derive(Debug)]
pub(super) enum Slot {
    /// Being read from the log; what the follower brings meanwhile waits here.
    Opening { arrived: Vec<(Class, Stored)>, opened: watch::Receiver<Option<Result<(), Failure>>> },
    /// In use.
    Open(Box<OpenRoom>),
}

impl Lane {
    /// A lane that will follow from the end of its partition.
    pub(super) fn at(partition: Partition, tail: Tail) -> Self {
        let rooms = Rooms { applied: tail.last, fence: tail.fence, slots: HashMap::new(), murmurs: HashMap::new() };
        let applied = watch::Sender::new(tail.last);
        let (turns, calm) = (<[tokio::sync::Mutex<()>; TURNS]>::default(), tokio::sync::RwLock::new(()));
        Self { partition, rooms: Mutex::new(rooms), applied, turns, calm }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().expect("nothing panics while it holds a lane")
    }

    /// The position up to which everything has been applied.
    pub(super) fn applied(&self) -> Seq {
        *self.applied.borrow()
    }

    /// Waits until more than this has been applied.
    pub(super) async fn passed(&self, seen: Seq) {
        let mut applied = self.applied.subscribe();
        // The lane holds the sender, so there is always one.
        let _ended = applied.wait_for(|applied| *applied > seen).await;
    }

    /// Takes in what the follower brought, and wakes those who wait for it.
    pub(super) fn apply(&self, records: Vec<Stored>, feed: &Feed) {
        let mut rooms = self.lock();
        for stored in records {
            rooms.applied = stored.seq;
            let notice = feed.notice(&stored);
            match stored.subject {
                Subject::Fence => rooms.fence = rooms.fence.max(stored.seq),
                Subject::Chain(Chain::Room(room, class)) => rooms.apply(room, class, stored),
                Subject::Chain(Chain::User(_)) => {}
            }
            if let Some(notice) = notice {
                notice.deliver();
            }
        }
        let applied = rooms.applied;
        drop(rooms);
        self.applied.send_replace(applied);
    }

    /// Waits until it is this one's turn in its room. A thousand who join at once would refuse each other for as long as
    /// one of them has patience: every append but one at a time is in vain.
    pub(super) async fn turn(&self, room: RoomId) -> Result<Turn<'_>, Failure> {
        let of_room = &self.turns[usize::from(room.as_uuid().as_bytes()[15]) % TURNS];
        in_time(async { Turn::Mine(of_room.lock().await, self.calm.read().await) }).await
    }

    /// Waits until nobody on this node moves the fence. A message is appended under the fence of its partition, so where
    /// many rooms change at once it could be refused for ever.
    pub(super) async fn calm(&self) -> Result<Turn<'_>, Failure> {
        in_time(async { Turn::Calm(self.calm.write().await) }).await
    }

    /// Waits until everything up to `seq` has been applied.
    pub(super) async fn reach(&self, seq: Seq) -> Result<(), Failure> {
        let mut applied = self.applied.subscribe();
        let reached = applied.wait_for(|applied| *applied >= seq);
        match tokio::time::timeout(FOLLOW_PATIENCE, reached).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Failure::unavailable("this node is behind the log just now")),
        }
    }
}

async fn in_time<'a>(turn: impl Future<Output = Turn<'a>>) -> Result<Turn<'a>, Failure> {
    tokio::time::timeout(FOLLOW_PATIENCE, turn).await.map_err(|_late| Failure::contended())
}

impl Rooms {
    fn apply(&mut self, room: RoomId, class: Class, stored: Stored) {
        let hash_map::Entry::Occupied(mut slot) = self.slots.entry(room) else { return };
        match slot.get_mut() {
            Slot::Opening { arrived, .. } => arrived.push((class, stored)),
            Slot::Open(open) => {
                if let Err(error) = open.apply(class, stored) {
                    tracing::error!(room.id = %room, %error, "a room's state is in doubt, so it is closed");
                    open.end(&Failure::internal(&"a room's state is in doubt"));
                    slot.remove();
                }
            }
        }
    }

    /// The room, when it is in use, with what its listeners were told brought up to now.
    pub(super) fn open_refreshed(&mut self, room: RoomId, picture: &Picture, now: Time) -> Option<&mut OpenRoom> {
        let Some(Slot::Open(open)) = self.slots.get_mut(&room) else { return None };
        open.refresh(self.murmurs.get(&room), picture, now);
        Some(open)
    }

    /// The room, when it is in use.
    pub(super) fn open(&mut self, room: RoomId) -> Option<&mut OpenRoom> {
        match self.slots.get_mut(&room) {
            Some(Slot::Open(open)) => Some(open),
            Some(Slot::Opening { .. }) | None => None,
        }
    }
}
