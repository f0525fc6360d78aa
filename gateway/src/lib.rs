//! Sockets, REST and identity: how clients reach the log.
//!
//! A command comes in through [`socket`] or [`rest`], the [`hub`] decides and appends it; what the hub follows goes out
//! through the sockets. [`identity`] says who somebody is; nothing else reads a token.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    serve::{Listener, ListenerExt},
};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use voxlog_core::{
    clock::Clock,
    log::{Log, ReadError},
};
use voxlog_projections::ReadModel;

pub mod close;
pub mod config;
pub mod error;
pub mod hub;
pub mod identity;
pub mod metrics;
pub mod operations;
pub mod protocol;
pub mod rest;
pub mod session;
pub mod socket;

use config::Config;
use hub::Hub;
use identity::Identity;

/// What a gateway stands on.
#[derive(Debug)]
pub struct Parts {
    /// How it behaves.
    pub config: Config,
    /// The log, opened.
    pub log: Arc<dyn Log>,
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
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listener(#[from] std::io::Error),
}

/// Serves clients on `listener` until `shutdown`, then lets sockets and commands in flight end.
pub async fn serve(parts: Parts, listener: TcpListener, shutdown: CancellationToken) -> Result<(), ServeError> {
    let gateway = start(parts, shutdown.clone()).await?;
    let app = routes(Arc::clone(&gateway)).into_make_service();
    axum::serve(undelayed(listener), app).with_graceful_shutdown(shutdown.cancelled_owned()).await?;
    gateway.tasks.close();
    gateway.tasks.wait().await;
    Ok(())
}

/// Connections whose small frames go out at once. Otherwise an ack that follows an event waits for the client's delayed
/// acknowledgement of that event: 40 ms.
pub fn undelayed(listener: TcpListener) -> impl Listener<Addr = SocketAddr> {
    listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection's delay can't be switched off");
        }
    })
}

/// Starts everything behind the listener.
pub async fn start(parts: Parts, shutdown: CancellationToken) -> Result<Arc<Gateway>, ServeError> {
    let Parts { config, log, read, identity_pool, clock } = parts;
    let tasks = TaskTracker::new();
    let identity = Identity::new(identity_pool, &config, Arc::clone(&clock))
        .map_err(|error| ServeError::Identity(error.to_string()))?;
    let identity = Arc::new(identity);
    let over = CancellationToken::new();
    let hub = Hub::start(Arc::clone(&log), read.clone(), Arc::clone(&clock), config.clone(), &over).await?;
    tasks.spawn(Arc::clone(&identity).run_outbox(log, shutdown.clone()));
    let (seats, following) = (socket::Seats::default(), over.drop_guard());
    Ok(Arc::new(Gateway { hub, identity, read, clock, config, shutdown, tasks, seats, _following: following }))
}

fn routes(gateway: Arc<Gateway>) -> Router {
    rest::routes().merge(socket::routes()).with_state(gateway)
}
