//! Where a socket is in each of its rooms, and how it comes up to the fan-out.
//!
//! A room is *behind* until the hub says, in one step with attaching the outbox, that nothing is missing; then it is
//! *live*. While it is behind, what the outbox has of it is left alone: the steps bring it. When the outbox overflows,
//! every room is behind again. The cursor is what has been written, nothing else; so whatever comes twice is known by
//! its seq, and nothing can be skipped. One step is under way at a time, of the rooms in turn.
//!
//! The outbox must not be looked at while a step is under way: the step may have made its room live, and what follows
//! would be taken for something that a step will bring.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    future::pending,
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::{JoinError, JoinHandle},
    time::{Instant, sleep_until},
};
use voxlog_core::{
    id::{RoomId, UserId},
    position::{Class, Heads},
};

use crate::{
    error::{Code, Failure},
    hub::{Entry, Hub, Outbox, Step},
};

/// How long a socket waits before it asks again when the log could not be read.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The rooms of one socket.
#[derive(Debug)]
pub(super) struct Rooms {
    hub: Arc<Hub>,
    outbox: Arc<Outbox>,
    user: Option<UserId>,
    followed: HashMap<RoomId, Followed>,
    /// Rooms that are behind, in the order of their turns; those that are not any more are passed over.
    turns: VecDeque<RoomId>,
    under_way: Option<UnderWay>,
    not_before: Instant,
    /// The client has been told that it lags, and not yet that it has caught up.
    lagging: bool,
}

#[derive(Debug)]
struct Followed {
    /// The last seq of each class that was written.
    cursor: Heads,
    live: bool,
    /// Which subscription of the room it is: a step that was started for an earlier one is void.
    opened: u64,
}

#[derive(Debug)]
struct UnderWay {
    room: RoomId,
    opened: u64,
    task: JoinHandle<Result<Step, Failure>>,
}

impl Rooms {
    pub(super) fn new(hub: Arc<Hub>, outbox: Arc<Outbox>) -> Self {
        Self {
            hub,
            outbox,
            user: None,
            followed: HashMap::new(),
            turns: VecDeque::new(),
            under_way: None,
            not_before: Instant::now(),
            lagging: false,
        }
    }
}
