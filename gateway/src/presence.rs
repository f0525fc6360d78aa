//! Who is there.
//!
//! A *session* outlives its socket by some seconds, so that a reconnect is not seen by anybody. Each has one record in the
//! stream `PRESENCE`, told by the gateway that vouches for it, and every gateway's [`Picture`] is made of these records
//! alone. The rules:
//! * A record is told when something has changed, and replaces the one that its gateway knew: what is stale never
//!   overwrites what is newer, whoever tells it.
//! * Whoever resumes a session raises its epoch. The gateway that had it before sees that, closes its socket and tells
//!   nothing more.
//! * A session whose socket has gone lingers for [`LINGER`], unchanged; then it is out of its call and offline.
//! * A node vouches for its sessions by its lease. When it is killed, the reaper (a worker) does for each what its gateway
//!   would have done. A node that goes leaves its sessions to the reaper too, so that clients have the time to come back
//!   elsewhere. A record that takes this node's sessions for gone while they are here is put right.
//! * While NATS is away sockets go on, and what is to be told is tried again.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::{Client, connection::State};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use voxlog_core::{
    bus::Bus,
    clock::Clock,
    id::{NodeId, RoomId, SessionId},
    presence::Status,
};

use crate::{
    Gateway,
    error::{Code, Failure},
    hub::Hub,
};

mod arrival;
mod ears;
mod murmuring;
mod own;
mod pacer;
mod picture;
mod telling;
mod ticker;

pub use arrival::{Arrived, Here};
pub use picture::{Picture, Record};

use murmuring::Pace;
use own::Own;
use ticker::Claim;

/// How long a session whose socket has gone waits for the next one.
pub const LINGER: Duration = Duration::from_secs(5);

/// How long anybody waits until a record has been told. What takes longer is told afterwards.
const TELL_WITHIN: Duration = Duration::from_secs(1);

/// The sessions of this node, and the picture of all.
pub struct Presence {
    node: NodeId,
    bus: Bus,
    nats: Client,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    picture: Arc<Picture>,
    own: Mutex<HashMap<SessionId, Arc<Own>>>,
    /// Sessions whose records say that they are in a call before its chain does: whether they are is looked up.
    claims: Mutex<Vec<Claim>>,
    pace: Pace,
    /// Cancelled when the node begins to go.
    shutdown: CancellationToken,
    /// Cancelled when nobody has a session here any more.
    over: CancellationToken,
    lease: Mutex<Option<JoinHandle<()>>>,
}

impl Presence {
    /// Presence on a node that nobody has come to yet.
    pub fn new(
        node: NodeId,
        (bus, nats): (Bus, Client),
        hub: Arc<Hub>,
        clock: Arc<dyn Clock>,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let (own, claims, lease) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (picture, pace, over) = (Arc::clone(hub.picture()), Pace::default(), CancellationToken::new());
        Arc::new(Self { node, bus, nats, hub, clock, picture, own, claims, pace, shutdown, over, lease })
    }

    /// Listens to the other gateways, passes on to the sockets what has changed, and holds the node's lease, from now on
    /// until [`end`](Self::end).
    pub async fn begin(self: &Arc<Self>, gateway: &Arc<Gateway>) {
        let (weak, bus, node, over) = (Arc::downgrade(gateway), self.bus.clone(), self.node, self.over.clone());
        let status = move || weak.upgrade().map_or_else(|| "{}".into(), |gateway| gateway.status().encode());
        let lease = tokio::spawn(async move { bus.hold_lease(node, status, over).await });
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
        let (follow, tick) = (ears::follow(Arc::clone(self)), ticker::run(Arc::clone(self)));
        let listen = ears::listen(Arc::downgrade(gateway), self.bus.clone());
        tokio::spawn(self.over.clone().run_until_cancelled_owned(follow));
        tokio::spawn(self.over.clone().run_until_cancelled_owned(listen));
        tokio::spawn(self.over.clone().run_until_cancelled_owned(tick));
        self.await_lease().await;
    }

    /// Ends what was begun here when the guard is dropped, without waiting for the lease to be given back.
    pub fn until_dropped(&self) -> DropGuard {
        self.over.clone().drop_guard()
    }

    /// Gives the lease back. The node's sessions are left to the reaper, their clients may be back elsewhere by then.
    pub async fn end(&self) {
        self.over.cancel();
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(lease) = lease
            && let Err(error) = lease.await
        {
            tracing::error!(%error, "the node's lease was not given back");
        }
    }

    /// The last record of a session of any gateway.
    pub fn record(&self, session: SessionId) -> Option<Record> {
        self.picture.record(session)
    }

    /// The room whose call a session of this node is in, or about to join.
    pub fn call_of(&self, session: SessionId) -> Option<RoomId> {
        self.own_session(session)?.call()
    }

    /// Says that a session is in a room's call, before anybody sees it there: whoever finds its node dead finds the call
    /// that it must be taken out of. When the record can't be told, nothing has changed.
    pub async fn enter_call(self: &Arc<Self>, session: SessionId, room: RoomId) -> Result<(), Failure> {
        let own = self.own_session(session).ok_or_else(gone)?;
        let was_in = own.call() == Some(room);
        if !own.enter(room) {
            return Err(Failure::new(Code::Conflict, "this session is in another room's call"));
        }
        if !was_in {
            self.claim(session, room);
        }
        if self.tell_now(&own).await {
            return if own.is_elsewhere() { Err(gone()) } else { Ok(()) };
        }
        if !was_in {
            own.leave(room);
        }
        Err(Failure::unavailable("NATS does not take it just now"))
    }

    /// The room's chains say so: a session is in its call, or is not any more.
    fn call_changed(self: &Arc<Self>, room: RoomId, session: SessionId, inside: bool) {
        let Some(own) = self.own_session(session) else { return };
        if inside {
            own.confirm(room);
        } else {
            own.lose(room);
        }
        if own.to_tell().is_some() {
            self.tell_later(&own);
        }
    }

    /// Says that a session is in no call any more. Waits for nothing.
    pub fn leave_call(self: &Arc<Self>, session: SessionId) {
        if let Some(own) = self.own_session(session)
            && let Some(room) = own.call()
            && own.leave(room)
        {
            self.tell_later(&own);
        }
    }

    /// Shows a session of this node otherwise from now on.
    pub async fn show_as(self: &Arc<Self>, session: SessionId, status: Status) {
        if let Some(own) = self.own_session(session) {
            own.show_as(status);
            self.tell_now(&own).await;
        }
    }

    fn own_session(&self, session: SessionId) -> Option<Arc<Own>> {
        self.own_sessions().get(&session).cloned()
    }

    fn own_sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Own>>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease comes before the first session: to a reaper a node without one is dead.
    async fn await_lease(&self) {
        const LOOKS: usize = 40;
        for _ in 0..LOOKS {
            if !self.is_connected() || self.bus.is_alive(self.node).await.unwrap_or(false) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    fn is_connected(&self) -> bool {
        self.nats.connection_state() == State::Connected
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("node", &self.node).finish_non_exhaustive()
    }
}

fn gone() -> Failure {
    Failure::unavailable("this session goes on elsewhere")
}
