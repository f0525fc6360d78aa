//! What waits for one socket. Bounded: a socket that does not keep up loses the queue, never its place in the log.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::Notify;
use voxlog_core::id::{RoomId, SessionId};

use super::{
    ambient::frame::{AmbientFrame, Kind},
    entry::Entry,
    feed::UserEntry,
};
use crate::{error::Failure, voice::Signal};

/// Bounds per socket. An entry is shared by all sockets of a room, so the queue itself costs a pointer an entry.
const MAX_ITEMS: usize = 1024;
const MAX_BYTES: usize = 1024 * 1024;

/// The queue between the fan-out, which never waits, and one socket, which may.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    overflowed: bool,
    /// What is true only now, of each room the latest of each kind. It never fills the queue, and is told anew when that
    /// has overflowed and the room is live again.
    ambient: BTreeMap<(RoomId, Kind), Arc<AmbientFrame>>,
}

/// What the fan-out has for a socket.
#[derive(Debug, Clone)]
pub enum Item {
    /// An event of a room that the socket is attached to.
    Event(Arc<Entry>),
    /// A subscription has ended; nothing of its room follows.
    Ended {
        /// Which room.
        room: RoomId,
        /// What the socket named the subscription when it was attached. It may have another one by now.
        subscription: u64,
        /// Why.
        why: Failure,
    },
    /// What is true only now of a room that the socket is attached to.
    Ambient(Arc<AmbientFrame>),
    /// Something that concerns the socket's user, wherever it happened.
    User(Arc<UserEntry>),
    /// A device in the session's call tells it something.
    Signal(Arc<Signal>),
    /// Signals may have been missed: they are to be read again.
    SignalsMissed,
    /// A sign-in of the socket's user is good for nothing any more. Never lost, also when the queue is.
    Revoked(SessionId),
}

/// What a socket finds when it looks.
#[derive(Debug)]
pub enum Waiting {
    /// Everything that waited, in order.
    Items(Vec<Item>),
    /// The queue was full and is gone. The socket detaches from its rooms and catches up from its cursors.
    Overflowed,
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Event(entry) => entry.event.len(),
            Self::User(entry) => entry.event.len(),
            Self::Signal(signal) => signal.bytes,
            Self::Ambient(_) | Self::Ended { .. } | Self::Revoked(_) | Self::SignalsMissed => 0,
        }
    }

    /// Whatever else is lost can be read again, or proves itself; that a token is no good any more must be known.
    const fn outlives_overflow(&self) -> bool {
        matches!(self, Self::Revoked(_))
    }
}

impl Outbox {
    /// Queues an item, or gives up the queue when there is no room for it. Never waits.
    pub(crate) fn push(&self, item: Item) {
        let mut queue = self.lock();
        if queue.overflowed && !item.outlives_overflow() {
            return;
        }
        queue.bytes += item.bytes();
        queue.items.push_back(item);
        if queue.items.len() > MAX_ITEMS || queue.bytes > MAX_BYTES {
            queue.items.retain(Item::outlives_overflow);
            (queue.bytes, queue.overflowed) = (0, true);
        }
        let news = queue.overflowed || queue.items.len() == 1;
        drop(queue);
        if news {
            self.arrived.notify_one();
        }
    }

    /// Queues what is true only now. Where the socket has not taken what was true before, one frame tells both.
    pub(super) fn push_ambient(&self, frame: Arc<AmbientFrame>) {
        let mut queue = self.lock();
        let waiting = queue.ambient.entry((frame.room, frame.kind()));
        waiting.and_modify(|before| *before = before.then(Arc::clone(&frame))).or_insert(frame);
        drop(queue);
        self.arrived.notify_one();
    }

    /// Drops what is true only now of a room that is not attached any more.
    pub(super) fn forget_ambient(&self, room: RoomId) {
        self.lock().ambient.retain(|(of, _), _| *of != room);
    }

    /// Waits for something and takes all of it. Cancel safe. Only the socket's own loop may call it.
    pub async fn take(&self) -> Waiting {
        loop {
            if let Some(waiting) = self.try_take() {
                return waiting;
            }
            self.arrived.notified().await;
        }
    }

    fn try_take(&self) -> Option<Waiting> {
        let mut queue = self.lock();
        if std::mem::take(&mut queue.overflowed) {
            return Some(Waiting::Overflowed);
        }
        queue.bytes = 0;
        let mut items = Vec::from(std::mem::take(&mut queue.items));
        items.extend(std::mem::take(&mut queue.ambient).into_values().map(Item::Ambient));
        (!items.is_empty()).then_some(Waiting::Items(items))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("an outbox's lock is held for one push or take")
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use voxlog_core::{
        clock::SystemClock,
        position::{Class, Seq},
    };

    use super::*;

    #[test]
    fn a_revocation_outlives_the_queue_that_it_waits_in() {
        let (outbox, session) = (Outbox::default(), SessionId::mint(&SystemClock));
        let entry = Entry::new(RoomId::mint(&SystemClock), Class::Msg, Seq(1), Seq(0), Bytes::new());
        outbox.push(Item::Revoked(session));
        for _ in 0..=MAX_ITEMS {
            outbox.push(Item::Event(Arc::clone(&entry)));
        }
        outbox.push(Item::Revoked(session));
        assert!(matches!(outbox.try_take(), Some(Waiting::Overflowed)));
        let Some(Waiting::Items(items)) = outbox.try_take() else { panic!("nothing has outlived the queue") };
        assert!(matches!(items[..], [Item::Revoked(first), Item::Revoked(second)] if first == second));
        assert!(outbox.try_take().is_none());
    }
}
