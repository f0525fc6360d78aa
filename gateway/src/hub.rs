//! The rooms that this node has in use, each exact at the position that the node has followed to.
//!
//! A partition's lane owns its rooms behind one lock. The follower applies events in the order of the log and fans
//! them out under that lock, so whoever holds it sees state, fence, ring and subscribers of one and the same position.
//!
//! * [`execute`]: command → decide → append, again when the fence has moved.
//! * [`follow`]: the log → state, ring, sockets.
//! * [`open`]: how a room gets into memory, and out of it.
//! * [`catch_up`]: how a socket that is behind comes up to where the fan-out is.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::{Clock, Time},
    id::{RoomId, UserId},
    log::{Log, ReadError},
    position::{Heads, Position},
    room::{self, Role},
};
use voxlog_projections::ReadModel;

use crate::{config::Config, error::Failure};
use lane::Lane;

mod catch_up;
pub mod entry;
mod execute;
mod follow;
mod health;
mod lane;
mod messages;
mod open;
mod open_room;
pub mod outbox;
mod ring;

pub use entry::Entry;
pub use outbox::{Item, Outbox, Waiting};

/// A command was carried out, or its wish was true already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The room it was about.
    pub room: RoomId,
    /// Where it stands in the log: a read at this position sees it.
    pub position: Position,
    /// The event's time, by the gateway that decided it.
    pub time: Time,
    /// The log had it already, from an earlier attempt under the same id.
    pub duplicate: bool,
}

/// What a new subscriber is told before any event.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// Whether everything after the cursor follows. False without a cursor, or with one that can't be served.
    pub recovered: bool,
    /// Why not, when a cursor was given: `cursor_ahead`, `not_recorded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The last seq of each class, at the position of `state`.
    pub heads: Heads,
    /// The room as it is at `heads`.
    pub state: room::View,
    /// Where the events begin that follow this frame: after these seqs.
    #[serde(skip)]
    pub from: Heads,
}

/// One step of a socket that comes up to the fan-out.
#[derive(Debug)]
pub enum Step {
    /// Events to send before the next step.
    Page {
        /// In the order of the log. Empty when what was missing has left the log meanwhile.
        entries: Vec<Arc<Entry>>,
        /// The cursor of the next step.
        then: Heads,
    },
    /// Nothing is missing, and the outbox is attached: what comes next comes through it.
    Live,
}

/// Log pages read at once for sockets that are behind: enough to keep the log busy, few enough to leave it to those
/// who write.
const CATCH_UPS: usize = 32;

/// How often rooms are looked over for those that nobody uses.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// All partitions of this node.
#[derive(Debug)]
pub struct Hub {
    log: Arc<dyn Log>,
    read: ReadModel,
    clock: Arc<dyn Clock>,
    config: Config,
    lanes: Vec<Arc<Lane>>,
    catch_ups: Semaphore,
    health: health::Health,
}

impl Hub {
    /// Begins to follow the log from its end, until `over`.
    pub async fn start(
        log: Arc<dyn Log>,
        read: ReadModel,
        clock: Arc<dyn Clock>,
        config: Config,
        over: &CancellationToken,
    ) -> Result<Arc<Self>, ReadError> {
        let mut lanes = Vec::new();
        for partition in log.partitions().all() {
            lanes.push(Arc::new(Lane::at(partition, log.tail(partition).await?)));
        }
        for lane in &lanes {
            tokio::spawn(follow::follow(Arc::clone(&log), Arc::clone(lane), over.clone()));
        }
        let (catch_ups, health) = (Semaphore::new(CATCH_UPS), health::Health::default());
        let hub = Arc::new(Self { log, read, clock, config, lanes, catch_ups, health });
        tokio::spawn(over.clone().run_until_cancelled_owned(Arc::clone(&hub).watch()));
        tokio::spawn(over.clone().run_until_cancelled_owned(Arc::clone(&hub).sweep()));
        Ok(hub)
    }

    /// The ends of a room's chains as this node has sent them; `None` when the room is not in use here.
    pub fn heads(&self, room: RoomId) -> Option<Heads> {
        self.lane(room).lock().open(room).map(|open| open.heads)
    }

    /// What a user is in a room, exactly, without the read model.
    pub async fn role(self: &Arc<Self>, room: RoomId, user: UserId) -> Result<Option<Role>, Failure> {
        self.open(room).await?;
        Ok(self.lane(room).lock().open(room).and_then(|open| open.state().role(user)))
    }

    fn lane(&self, room: RoomId) -> &Arc<Lane> {
        let partition = self.log.partitions().of(room.as_uuid());
        &self.lanes[usize::from(partition.0)]
    }

    async fn sweep(self: Arc<Self>) {
        let mut turns = tokio::time::interval(SWEEP_EVERY.min(self.config.idle_room));
        loop {
            turns.tick().await;
            self.close_idle();
        }
    }
}
