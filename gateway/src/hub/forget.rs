//! What this node holds of somebody who was erased.
//!
//! Their words leave the log some seconds after the log has told of the erasure, and must not be found in a ring then.
//! What stood behind them is linked to what stood before: a client that never had them finds no gap, and to one that had
//! them a `prev` further back is as good. By then they are in no room, so nothing new of theirs can come.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::sync::mpsc;
use voxlog_core::{
    erasure,
    id::{RoomId, UserId},
    log::{ReadError, Stored},
    position::{Chain, Class, Seq},
};

use super::{Hub, entry::Entry, lane::Slot};

/// Records that are looked at together for one that stays.
const PAGE: usize = 50;

/// Who was erased, as far as this node has heard of it. A user is a few bytes, and is not erased twice.
#[derive(Debug)]
pub(super) struct Erased {
    users: RwLock<HashSet<UserId>>,
    news: mpsc::UnboundedSender<UserId>,
}

impl Erased {
    /// Nobody yet, and where it is told of everybody who comes.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<UserId>) {
        let (news, heard) = mpsc::unbounded_channel();
        (Self { users: RwLock::default(), news }, heard)
    }

    /// This one was erased.
    pub(super) fn note(&self, user: UserId) {
        self.users.write().unwrap_or_else(PoisonError::into_inner).insert(user);
        // Nobody hears it only when the node is going.
        let _ = self.news.send(user);
    }

    fn wrote(&self, payload: &[u8]) -> bool {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.iter().any(|user| erasure::is_of(*user, payload))
    }

    fn is_empty(&self) -> bool {
        self.users.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Hub {
    /// Lets go of what this user wrote, wherever this node holds it.
    pub fn forget(&self, user: UserId) {
        self.feed.erased.note(user);
    }

    /// Lets go of what they wrote, one after the other, as it is heard of them.
    pub(super) async fn forget_all(self: Arc<Self>, mut heard: mpsc::UnboundedReceiver<UserId>) {
        while heard.recv().await.is_some() {
            // Rooms are looked through once for all who have come meanwhile.
            while heard.try_recv().is_ok() {}
            for room in self.open_rooms() {
                if let Err(error) = self.forget_in(room).await {
                    tracing::warn!(room.id = %room, %error, "a room keeps words of the erased until it is closed");
                }
            }
        }
    }

    fn open_rooms(&self) -> Vec<RoomId> {
        let open = |slot: &(&RoomId, &Slot)| matches!(slot.1, Slot::Open(_));
        let of_lane = |lane: &Arc<super::Lane>| -> Vec<RoomId> {
            lane.lock().slots.iter().filter(open).map(|(room, _)| *room).collect()
        };
        self.lanes.iter().flat_map(of_lane).collect()
    }

    /// What the ring stands on is looked up without the lock, and used if the ring still stands there.
    async fn forget_in(&self, room: RoomId) -> Result<(), ReadError> {
        loop {
            let floor = match self.lane(room).lock().open(room) {
                Some(open) => open.ring.floor(Class::Msg),
                None => return Ok(()),
            };
            let standing = self.last_standing(room, floor).await?;
            let mut rooms = self.lane(room).lock();
            let Some(open) = rooms.open(room) else { return Ok(()) };
            if open.ring.floor(Class::Msg) == floor {
                let erased = &self.feed.erased;
                open.forget(standing, |entry: &Entry| erased.wrote(&entry.event));
                return Ok(());
            }
        }
    }

    /// The last message event of a room, up to this seq, that no erased user wrote.
    pub(super) async fn last_standing(&self, room: RoomId, head: Seq) -> Result<Seq, ReadError> {
        let stands = |stored: &&Stored| !self.feed.erased.wrote(&stored.payload);
        if self.feed.erased.is_empty() || head == Seq::ZERO {
            return Ok(head);
        }
        // Mostly that one, which is found at once; going back takes longer.
        let chain = Chain::Room(room, Class::Msg);
        if self.log.read(chain, Seq(head.0 - 1), 1, head).await?.iter().find(stands).is_some_and(|it| it.seq == head) {
            return Ok(head);
        }
        let mut before = head;
        loop {
            let page = self.log.read_before(chain, before, PAGE).await?;
            if let Some(stored) = page.iter().rev().find(stands) {
                return Ok(stored.seq);
            }
            match page.first() {
                Some(oldest) if page.len() == PAGE => before = oldest.seq,
                _ => return Ok(Seq::ZERO),
            }
        }
    }
}
