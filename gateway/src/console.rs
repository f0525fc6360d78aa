//! What operators see: the log as it grows, how far the read models are, every node.
//!
//! Nothing here is on the way of a message. It reads the log from beside, a bounded stretch at a time.

use std::sync::Arc;

use async_nats::Client;
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::Clock,
    log::{
        Inspector, Log, Namespace, ReadError,
        survey::{Surveyed, survey},
    },
};
use voxlog_projections::ReadModel;

pub mod events;
pub mod filter;
pub mod gauges;
pub mod lag;
pub mod node_status;
pub mod places;
pub mod rebuilding;

pub use gauges::Gauges;
pub use node_status::NodeStatus;

use crate::hub::Hub;
use lag::Lag;
use rebuilding::Rebuilding;

/// The console of a node.
#[derive(Debug)]
pub struct Console {
    /// Looks into the log.
    pub inspector: Inspector,
    /// How far the read models were behind lately.
    pub lag: Lag,
    /// The last rebuild that was begun here.
    pub rebuilding: Arc<Rebuilding>,
    /// Counts this node's sockets.
    pub gauges: Arc<Gauges>,
    log: Arc<dyn Log>,
    nats: Client,
    namespace: Namespace,
}

impl Console {
    /// Of a node on this log.
    pub fn new(log: Arc<dyn Log>, nats: Client, namespace: Namespace) -> Self {
        Self {
            inspector: Inspector::new(nats.clone(), namespace.clone(), log.partitions()),
            lag: Lag::default(),
            rebuilding: Arc::default(),
            gauges: Arc::default(),
            log,
            nats,
            namespace,
        }
    }

    /// Measures for as long as the node serves.
    pub async fn run(self: Arc<Self>, hub: Arc<Hub>, read: ReadModel, clock: Arc<dyn Clock>, over: CancellationToken) {
        over.run_until_cancelled(self.lag.measure(&hub, &read, &*clock)).await;
    }

    /// The log.
    pub const fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// All streams and buckets of this installation.
    pub async fn streams(&self) -> Result<Vec<Surveyed>, ReadError> {
        survey(&self.nats, &self.namespace).await
    }
}
