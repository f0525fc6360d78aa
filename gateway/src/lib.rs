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
    clock::Clock,
    id::NodeId,
    log::{Log, Namespace, ReadError},
    position::Partitions,
};
use voxlog_projections::ReadModel;

pub mod close;
pub mod config;
pub mod error;
pub mod hub;
pub mod identity;
mod keyed;
pub mod limits;
pub mod metrics;
pub mod operations;
pub mod protocol;
pub mod rest;
mod serving;
pub mod session;
pub mod shapes;
pub mod socket;

use config::Config;
use hub::Hub;
use identity::Identity;
use limits::Limits;
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
    /// The sockets that each user has open here.
    pub seats: socket::Seats,
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
    }
}

/// Starts everything behind the listener.
pub async fn start(parts: Parts, shutdown: CancellationToken) -> Result<Arc<Gateway>, ServeError> {
    let Parts { config, log, nats, namespace, replicas, read, identity_pool, clock } = parts;
    let (tasks, partitions) = (TaskTracker::new(), log.partitions());
    let identity = Identity::new(identity_pool, &config, Arc::clone(&clock))
        .map_err(|error| ServeError::Identity(error.to_string()))?;
    let identity = Arc::new(identity);
    let over = CancellationToken::new();
    let (log_of, clock_of, revoked) = (Arc::clone(&log), Arc::clone(&clock), Arc::clone(identity.revoked()));
    let hub = Hub::start(log_of, read.clone(), clock_of, config.clone(), revoked, &over).await?;
    // After the hub has begun to follow: what is revoked from now on, the log tells.
    identity.learn_at_start().await;
    tasks.spawn(Arc::clone(&identity).run(log, shutdown.clone()));
    let limits = Arc::new(Limits::new(&config.budgets, &config.signing_key_pem));
    let exchange = Arc::clone(&limits).exchange(NodeId::mint(&*clock), nats.clone(), namespace.limits());
    tasks.spawn(shutdown.clone().run_until_cancelled_owned(exchange));
    let repeats = Repeats::new(nats, &namespace, replicas, &config.signing_key_pem);
    let (seats, following) = (socket::Seats::default(), over.drop_guard());
    Ok(Arc::new(Gateway {
        hub,
        identity,
        limits,
        repeats,
        partitions,
        read,
        clock,
        config,
        shutdown,
        tasks,
        seats,
        _following: following,
    }))
}

fn routes(gateway: &Arc<Gateway>) -> Router {
    let allowed_origins = &gateway.config.allowed_origins;
    rest::dress(rest::routes(gateway).merge(socket::routes(gateway)), allowed_origins).with_state(Arc::clone(gateway))
}
