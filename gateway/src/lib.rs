//! Sockets, REST and identity: how clients reach the log.
//!
//! A command comes in through [`socket`] or [`rest`], the [`hub`] decides and appends it; what the hub follows goes out
//! through the sockets. [`identity`] says who somebody is; nothing else reads a token.

use std::sync::Arc;

use async_nats::Client;
use axum::Router;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use voxlog_core::{
    bus::Bus,
    clock::{Clock, Time},
    id::NodeId,
    log::{Log, Namespace, ReadError},
    position::Partitions,
};
use voxlog_projections::ReadModel;

mod bucket;
pub mod calls;
pub mod close;
pub mod config;
pub mod console;
mod eraser;
pub mod error;
pub mod hub;
pub mod identity;
mod keyed;
pub mod limits;
pub mod metrics;
pub mod operations;
pub mod presence;
pub mod protocol;
pub mod rest;
mod serving;
pub mod session;
pub mod shapes;
pub mod socket;
pub mod voice;
mod web;

use config::Config;
use console::Console;
use eraser::Eraser;
use hub::Hub;
use identity::Identity;
use limits::Limits;
use presence::Presence;
use rest::idempotency::Repeats;

/// What a gateway stands on.
#[derive(Debug)]
pub struct Parts {
    /// How it behaves.
    pub config: Config,
    /// The log, opened.
    pub log: Arc<dyn Log>,
    /// The connection to NATS, for what gateways tell each other beside the log.
    pub nats: Client,
    /// The streams beside the log, brought up.
    pub bus: Bus,
    /// The prefix of subjects and buckets there.
    pub namespace: Namespace,
    /// Copies of each stream and bucket.
    pub replicas: u8,
    /// The read models. They may be away; messaging goes on without them.
    pub read: ReadModel,
    /// A pool on the schema `identity`. It may be away; who has a token stays signed in.
    pub identity_pool: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A gateway at work, shared by all its handlers.
#[derive(Debug)]
pub struct Gateway {
    /// The rooms in use on this node.
    pub hub: Arc<Hub>,
    /// Accounts and tokens.
    pub identity: Arc<Identity>,
    /// What each client may still use.
    pub limits: Arc<Limits>,
    /// The requests that may come again.
    pub repeats: Repeats,
    /// What this node is called while it lives.
    pub node: NodeId,
    /// Who is there.
    pub presence: Arc<Presence>,
    /// The streams beside the log.
    pub bus: Bus,
    /// What devices in calls tell each other.
    pub signals: Arc<voice::Signals>,
    /// What keeps calls from ending by themselves.
    pub calls: Arc<calls::Activity>,
    /// By which servers devices find a way to each other.
    pub ice: voice::Ice,
    /// What lets devices into calls.
    pub join_tokens: voice::Tokens,
    /// How the log is spread.
    pub partitions: Partitions,
    /// The read models.
    pub read: ReadModel,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How it behaves.
    pub config: Config,
    /// Cancelled when the node begins to go.
    pub shutdown: CancellationToken,
    /// Everything that must end before the process does.
    pub tasks: TaskTracker,
    /// What operators see of it, and of the whole.
    pub console: Arc<Console>,
    /// When it began.
    pub started_at: Time,
    /// The sockets that each user has open here.
    pub seats: socket::Seats,
    /// How the database was found when somebody asked.
    pub database: operations::Database,
    /// Gives the lease back when nobody is served any more, in whatever way that came.
    _present: DropGuard,
    /// Lets the hub follow the log for as long as anybody is served: a command in flight is answered when this node has
    /// applied it.
    _following: DropGuard,
}

/// Why a gateway could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The log could not be followed.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The keys are not usable.
    #[error("{0}")]
    Identity(String),
}

/// Serves clients on `listener` until `shutdown`, then lets sockets and commands in flight end.
pub async fn serve(parts: Parts, listener: TcpListener, shutdown: CancellationToken) -> Result<(), ServeError> {
    start(parts, shutdown).await?.serve(listener).await;
    Ok(())
}

impl Gateway {
    /// Serves clients on `listener` until the node begins to go, then lets sockets and commands in flight end.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let Config { connections, trusted_proxies, .. } = &self.config;
        serving::serve(listener, routes(&self), *connections, trusted_proxies, self.shutdown.cancelled()).await;
        self.tasks.close();
        self.tasks.wait().await;
        self.presence.end().await;
    }
}

/// Starts everything behind the listener.
pub async fn start(parts: Parts, shutdown: CancellationToken) -> Result<Arc<Gateway>, ServeError> {
    let Parts { config, log, nats, bus, namespace, replicas, read, identity_pool, clock } = parts;
    let (tasks, partitions) = (TaskTracker::new(), log.partitions());
    let identity = Identity::new(identity_pool, &config, Arc::clone(&clock))
        .map_err(|error| ServeError::Identity(error.to_string()))?;
    let identity = Arc::new(identity);
    let over = CancellationToken::new();
    let (log_of, clock_of, revoked) = (Arc::clone(&log), Arc::clone(&clock), Arc::clone(identity.revoked()));
    let hub = Hub::start(log_of, read.clone(), clock_of, config.clone(), revoked, &over).await?;
    // After the hub has begun to follow: what is revoked from now on, the log tells.
    identity.learn_at_start().await;
    let console = Arc::new(Console::new(Arc::clone(&log), nats.clone(), namespace.clone()));
    let eraser =
        Eraser { identity: Arc::clone(&identity), hub: Arc::clone(&hub), log: Arc::clone(&log), read: read.clone() };
    tasks.spawn(eraser.run(shutdown.clone()));
    tasks.spawn(Arc::clone(&identity).run(log, shutdown.clone()));
    let limits = Arc::new(Limits::new(&config.budgets, &config.signing_key_pem));
    let node = NodeId::mint(&*clock);
    let exchange = Arc::clone(&limits).exchange(node, nats.clone(), namespace.limits());
    tasks.spawn(shutdown.clone().run_until_cancelled_owned(exchange));
    let measuring = Arc::clone(&console).run(Arc::clone(&hub), read.clone(), Arc::clone(&clock), shutdown.clone());
    tasks.spawn(measuring);
    let started_at = clock.now();
    let (hub_of, bus_of, clock_of) = (Arc::clone(&hub), bus.clone(), Arc::clone(&clock));
    let signals = Arc::new(voice::Signals::new(hub_of, bus_of, clock_of, Arc::clone(&limits)));
    let (hub_of, beside, clock_of) = (Arc::clone(&hub), (bus.clone(), nats.clone()), Arc::clone(&clock));
    let presence = Presence::new(node, beside, hub_of, clock_of, shutdown.clone());
    let calls = Arc::new(calls::Activity::new(bus.clone(), Arc::clone(&clock), config.voice.idle));
    let ice = voice::Ice::new(&config.voice, Arc::clone(&clock));
    let join_tokens = voice::Tokens::new(nats.clone(), &namespace, replicas, &config.signing_key_pem);
    let repeats = Repeats::new(nats, &namespace, replicas, &config.signing_key_pem);
    let (seats, following) = (socket::Seats::default(), over.drop_guard());
    let gateway = Arc::new(Gateway {
        _present: presence.until_dropped(),
        hub,
        identity,
        limits,
        repeats,
        node,
        presence,
        bus,
        signals,
        calls,
        ice,
        join_tokens,
        partitions,
        read,
        clock,
        config,
        shutdown,
        tasks,
        console,
        started_at,
        seats,
        database: operations::Database::default(),
        _following: following,
    });
    gateway.presence.begin(&gateway).await;
    Ok(gateway)
}

fn routes(gateway: &Arc<Gateway>) -> Router {
    let allowed_origins = &gateway.config.allowed_origins;
    let routes = rest::routes(gateway).merge(socket::routes(gateway)).merge(web::routes());
    rest::dress(routes, allowed_origins).with_state(Arc::clone(gateway))
}
