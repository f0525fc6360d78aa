//! The rooms that this node has in use, each exact at the position that the node has followed to.
//!
//! A partition's lane owns its rooms behind one lock. The follower applies events in the order of the log and fans
//! them out under that lock, so whoever holds it sees state, fence, ring and subscribers of one and the same position.
//!
//! * [`execute`]: command → decide → append, again when the fence has moved.
//! * [`follow`]: the log → state, ring, sockets.
//! * [`open`]: how a room gets into memory, and out of it.
//! * [`catch_up`]: how a socket that is behind comes up to where the fan-out is.
//! * [`ambient`]: what is true only now.
//! * [`feed`]: what concerns a user, wherever it happens.
//! * [`past`]: a room as it was.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voxlog_core::{
    clock::{Clock, Time},
    id::{RoomId, UserId},
    log::{Log, ReadError},
    position::{Heads, Position},
    rejection::Rejection,
    room::Role,
};
use voxlog_projections::ReadModel;

use crate::{config::Config, error::Failure, identity::Revoked, presence::Picture, protocol::reply::RoomNow};
use lane::Lane;

pub mod ambient;
mod audit;
mod calls;
mod catch_up;
pub mod entry;
mod exactly;
mod execute;
pub mod feed;
mod follow;
mod forget;
mod health;
mod lane;
mod markers;
mod messages;
mod open;
mod open_room;
mod opened;
pub mod outbox;
mod pace;
pub mod past;
mod ring;

pub use ambient::AmbientFrame;
pub use entry::Entry;
pub use feed::{Listening, UserEntry};
pub use outbox::{Item, Outbox, Waiting};
pub use past::{At, Past};

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
    /// The asker has no seat now but waits for an admin's approval.
    pub requested: bool,
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
    /// The room as it is at `heads`, and who is there now.
    pub state: RoomNow,
    /// Where the events begin that follow this frame: after these seqs.
    #[serde(skip)]
    pub from: Heads,
    /// Which version of what is true only now `state` has.
    #[serde(skip)]
    pub told: u64,
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

/// How far the clocks of gateways and of the log may be apart.
const SKEW: TimeDelta = TimeDelta::minutes(1);

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
    feed: Arc<feed::Feed>,
    markers: markers::Markers,
    catch_ups: Semaphore,
    health: health::Health,
    picture: Arc<Picture>,
}

impl Hub {
    /// Begins to follow the log from its end, until `over`. Sign-ins that it hears have ended are noted in `revoked`.
    pub async fn start(
        log: Arc<dyn Log>,
        read: ReadModel,
        clock: Arc<dyn Clock>,
        config: Config,
        revoked: Arc<Revoked>,
        over: &CancellationToken,
    ) -> Result<Arc<Self>, ReadError> {
        let mut lanes = Vec::new();
        for partition in log.partitions().all() {
            lanes.push(Arc::new(Lane::at(partition, log.tail(partition).await?)));
        }
        let (erased, heard) = forget::Erased::new();
        let feed = Arc::new(feed::Feed::new(erased, revoked, Arc::clone(&clock), config.access_ttl));
        for lane in &lanes {
            tokio::spawn(follow::follow(Arc::clone(&log), Arc::clone(lane), Arc::clone(&feed), over.clone()));
        }
        let (markers, health) = (markers::Markers::default(), health::Health::default());
        let catch_ups = Semaphore::new(CATCH_UPS);
        let hub = Arc::new(Self {
            log,
            read,
            clock,
            config,
            lanes,
            feed,
            markers,
            catch_ups,
            health,
            picture: Arc::default(),
        });
        tokio::spawn(over.clone().run_until_cancelled_owned(Arc::clone(&hub).watch()));
        tokio::spawn(over.clone().run_until_cancelled_owned(Arc::clone(&hub).sweep()));
        tokio::spawn(over.clone().run_until_cancelled_owned(Arc::clone(&hub).forget_all(heard)));
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

    /// Whether people may still come and write.
    pub async fn is_open(self: &Arc<Self>, room: RoomId) -> Result<bool, Failure> {
        self.open(room).await?;
        Ok(self.lane(room).lock().open(room).is_some_and(|open| open.state().is_open()))
    }

    /// Whether the log has come to a position of one of its partitions.
    pub async fn has_written(&self, position: Position) -> Result<bool, Failure> {
        let Some(lane) = self.lanes.get(usize::from(position.partition.0)) else { return Ok(false) };
        // What this node has seen needs no question to the log.
        Ok(position.seq <= lane.applied() || position.seq <= self.log.tail(position.partition).await?.last)
    }

    /// What a user is in a room that they may read, else why they may not: what sockets are told too.
    pub async fn seat(self: &Arc<Self>, room: RoomId, user: UserId) -> Result<Role, Failure> {
        self.open(room).await?;
        let mut rooms = self.lane(room).lock();
        let state = rooms.open(room).ok_or_else(execute::closed)?.state();
        catch_up::check_may_read(state, user, self.clock.now())?;
        Ok(state.role(user).ok_or(Rejection::NotAMember)?)
    }

    fn lane(&self, room: RoomId) -> &Arc<Lane> {
        self.lane_of(room.as_uuid())
    }

    /// The lane of a room or a user.
    fn lane_of(&self, owner: Uuid) -> &Arc<Lane> {
        &self.lanes[usize::from(self.log.partitions().of(owner).0)]
    }

    async fn sweep(self: Arc<Self>) {
        let mut turns = tokio::time::interval(SWEEP_EVERY.min(self.config.idle_room));
        loop {
            turns.tick().await;
            self.close_idle();
        }
    }
}
