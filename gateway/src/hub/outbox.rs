//! What waits for one socket. Bounded: a socket that does not keep up loses the queue, never its place in the log.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::Notify;
use voxlog_core::id::RoomId;

use super::entry::Entry;

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
}

/// What the fan-out has for a socket.
#[derive(Debug, Clone)]
pub enum Item {
    /// An event of a room that the socket is attached to.
    Event(Arc<Entry>),
    /// The socket's user may read this room no longer; nothing of it follows.
    Ended(RoomId),
}

/// What a socket finds when it looks.
#[derive(Debug)]
pub enum Waiting {
    /// Everything that waited, in order.
    Items(Vec<Item>),
    /// The queue was full and is gone. The socket detaches from its rooms and catches up from its cursors.
    Overflowed,
}

impl Outbox {
    /// Queues an item, or gives up the queue when there is no room for it. Never waits.
    pub(super) fn push(&self, item: Item) {
        let mut queue = self.lock();
        if queue.overflowed {
            return;
        }
        if let Item::Event(entry) = &item {
            queue.bytes += entry.event.len();
        }
        queue.items.push_back(item);
        if queue.items.len() > MAX_ITEMS || queue.bytes > MAX_BYTES {
            *queue = Queue { overflowed: true, ..Queue::default() };
        }
        let news = queue.overflowed || queue.items.len() == 1;
        drop(queue);
        if news {
            self.arrived.notify_one();
        }
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
        if queue.overflowed {
            *queue = Queue::default();
            return Some(Waiting::Overflowed);
        }
        queue.bytes = 0;
        (!queue.items.is_empty()).then(|| Waiting::Items(std::mem::take(&mut queue.items).into()))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("an outbox's lock is held for one push or take")
    }
}
