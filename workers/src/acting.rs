//! One of several acts: the processes that run a task share a lease ([`lease`](crate::lease)), its holder works and the
//! others stand by.
//!
//! Two may act at once for a moment, when the holder of a stale lease does not know it yet. What a task does must bear
//! that.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_nats::Client;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    id::NodeId,
    log::{Namespace, ReadError},
};

use crate::{
    Config, Parts,
    lease::{Lease, LeaseError},
};

/// The pause after a fault of NATS.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// What a shutdown spends on leaving the lease to the next.
const HAND_OVER: Duration = Duration::from_secs(2);

/// Tells how far the work is.
pub(crate) type Ask<P> = Box<dyn Fn() -> P + Send + Sync>;

/// What one of several does.
pub(crate) trait Task: Sync {
    /// What it is called: a key of the bucket, and a label of metrics.
    const NAME: &'static str;

    /// What whoever acts leaves to the next.
    type Progress: Serialize + DeserializeOwned + Send + Sync;

    /// Where a term begins, after what the predecessor left within the last minute.
    fn begin(&self, left: Option<Self::Progress>) -> impl Future<Output = Result<Self::Progress, ReadError>> + Send;

    /// Sets the work going, on `tasks` that end with the term and not before. Returns what tells how far the work is: it
    /// is asked at every refresh of the lease.
    fn act(&self, from: Self::Progress, tasks: &mut JoinSet<()>) -> Ask<Self::Progress>;
}

/// Stands by, acts, stands by, until `shutdown`.
pub(crate) async fn serve<T: Task>(parts: &Parts, health: &AtomicBool, task: T, shutdown: &CancellationToken) {
    let Parts { config, client, namespace, clock, .. } = parts;
    let standing = Standing { node: NodeId::mint(&**clock), config: *config, client, namespace, task, health };
    standing.serve(shutdown).await;
}

struct Standing<'a, T> {
    node: NodeId,
    config: Config,
    client: &'a Client,
    namespace: &'a Namespace,
    task: T,
    health: &'a AtomicBool,
}

/// Why a term is over.
enum Ended {
    /// The lease is another's, or can't be renewed.
    Lost,
    /// What was done may have been lost with the old connection.
    Reconnected,
    /// We were asked to.
    Shutdown,
}

impl<T: Task> Standing<'_, T> {
    async fn serve(&self, shutdown: &CancellationToken) {
        // So that it is measured before this one ever acts.
        measure(T::NAME, false);
        let mut quiet = false;
        while !shutdown.is_cancelled() {
            match self.term(shutdown).await {
                Ok(()) => quiet = false,
                Err(error) => {
                    self.health.store(false, Ordering::Relaxed);
                    if !std::mem::replace(&mut quiet, true) {
                        tracing::warn!(task = T::NAME, %error, "a worker can't work, it keeps trying");
                    }
                    tokio::select! {
                        () = sleep(AFTER_FAULT) => {}
                        () = shutdown.cancelled() => {}
                    }
                }
            }
        }
    }

    /// Waits for the lease, and acts while it lasts.
    async fn term(&self, shutdown: &CancellationToken) -> Result<(), LeaseError> {
        let (mut lease, from) = tokio::select! {
            acquired = self.acquire() => acquired?,
            () = shutdown.cancelled() => return Ok(()),
        };
        // Now that the server has answered: before, the connection may still have been on its way.
        let connects = self.connects();
        measure(T::NAME, true);
        tracing::info!(task = T::NAME, node = %self.node, "acting");
        let ended = self.act(&mut lease, from, connects, shutdown).await;
        measure(T::NAME, false);
        if let Ended::Lost = ended {
            tracing::warn!(task = T::NAME, node = %self.node, "another process took over");
        }
        Ok(())
    }

    async fn acquire(&self) -> Result<(Lease, T::Progress), LeaseError> {
        let bucket = self.namespace.bucket("LEASES");
        let mut lease = Lease::open(self.client, bucket, T::NAME, self.node, self.config).await?;
        self.health.store(true, Ordering::Relaxed);
        let from = lease.acquire(|left| self.task.begin(left)).await?;
        Ok((lease, from))
    }

    /// Works until the lease is lost. How far it is enters the lease at every refresh.
    async fn act(&self, lease: &mut Lease, from: T::Progress, connects: u64, shutdown: &CancellationToken) -> Ended {
        let mut tasks = JoinSet::new();
        let progress = self.task.act(from, &mut tasks);
        loop {
            tokio::select! {
                () = sleep(self.config.refresh) => {}
                () = shutdown.cancelled() => {
                    tasks.shutdown().await;
                    self.hand_over(lease, &progress(), connects).await;
                    return Ended::Shutdown;
                }
            }
            // The answer to the renewal's first request proves that the server has what was published before it.
            let renewed = lease.renew(&progress(), || self.connects() == connects).await;
            match renewed {
                Ok(true) => {}
                Ok(false) => return Ended::Lost,
                Err(LeaseError::Reconnected) => return Ended::Reconnected,
                Err(error) if lease.is_stale() => {
                    tracing::warn!(task = T::NAME, %error, "a worker's lease can't be renewed");
                    return Ended::Lost;
                }
                Err(error) => tracing::debug!(task = T::NAME, %error, "a worker's lease was not renewed this time"),
            }
        }
    }

    /// Leaves the lease to the next at once. Best effort: without it the next one waits until the lease is stale.
    async fn hand_over(&self, lease: &mut Lease, progress: &T::Progress, connects: u64) {
        let released = lease.release(progress, || self.connects() == connects);
        if !matches!(timeout(HAND_OVER, released).await, Ok(Ok(_))) {
            tracing::debug!(task = T::NAME, "a worker's lease was not released");
        }
    }

    /// How often the connection was made: more than before means that it was lost in between.
    fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Acquire)
    }
}

fn measure(task: &'static str, acts: bool) {
    metrics::gauge!("voxlog_worker_acting", "task" => task).set(u8::from(acts));
}
