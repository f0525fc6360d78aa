//! Which nodes are alive: each holds a lease in the bucket `NODES`, which vouches for all its sessions.
//!
//! The bucket itself forgets a lease that is not refreshed, by the server's one clock, so nobody compares clocks. A node
//! that goes leaves a last, empty record with a shorter life: time for its clients to be back elsewhere before their
//! sessions count as gone.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Bus, publish::Message, streams::Stream};
use crate::{
    clock::Time,
    id::NodeId,
    log::{
        ReadError,
        direct::{self, Request},
        fence::Refusal,
    },
    position::Seq,
};

/// How long a lease lasts after its last refresh.
pub const LEASE: Duration = Duration::from_secs(15);

/// How often a lease is refreshed: one refresh may be lost, or wait for a stream's new leader.
pub const REFRESH: Duration = Duration::from_secs(5);

/// How long the lease of a node that goes still lasts.
const GOING: Duration = Duration::from_secs(5);

/// The pause after a refresh that failed.
const RETRY: Duration = Duration::from_secs(1);

/// What a shutdown spends on giving the lease back. Without it the lease lasts as long as if the node had been killed.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(2);

/// Far more than an installation has.
const NODES_AT_MOST: usize = 1000;

/// A node that is alive, or was a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whose it is.
    pub node: NodeId,
    /// What the node said of itself; empty when it goes.
    pub status: Bytes,
    /// The node has ended in order, and takes no more clients.
    pub going: bool,
    /// When it was refreshed, by the clock of NATS.
    pub refreshed: Time,
    /// The bucket's revision of it.
    pub revision: Seq,
}

impl Bus {
    /// Holds a node's lease until `over`, and gives it back then. Each refresh carries what `status` says, which must not
    /// be empty. A node that is cut off loses its lease without a word from here; whoever has sessions in its name sees
    /// them taken away.
    pub async fn hold_lease(&self, node: NodeId, status: impl Fn() -> Bytes + Send, over: CancellationToken) {
        let mut quiet = false;
        while !over.is_cancelled() {
            let refreshed = tokio::select! {
                refreshed = self.put(self.lease(node, status())) => refreshed,
                () = over.cancelled() => break,
            };
            let pause = match refreshed {
                Ok(()) => {
                    quiet = false;
                    REFRESH
                }
                Err(refusal) => {
                    if !std::mem::replace(&mut quiet, true) {
                        tracing::warn!(%node, ?refusal, "the node's lease was not refreshed, it keeps trying");
                    }
                    RETRY
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = over.cancelled() => {}
            }
        }
        let mut last = self.lease(node, Bytes::new());
        last.expire(GOING);
        if !matches!(timeout(GIVE_BACK_WITHIN, self.put(last)).await, Ok(Ok(()))) {
            tracing::debug!(%node, "the node's lease was not given back");
        }
    }

    /// The leases that last, in no order. A replica that lags may leave out one: see [`is_alive`](Self::is_alive).
    pub async fn nodes(&self) -> Result<Vec<Lease>, ReadError> {
        let subjects = [format!("{}*", self.lease_prefix())];
        let request = Request::Last { multi_last: &subjects, up_to_seq: None, batch: NODES_AT_MOST };
        let page = direct::get(&self.client, &Stream::Nodes.name(&self.namespace), &request).await?;
        let mut leases = Vec::new();
        for message in page.messages {
            let node = message.subject().and_then(|subject| subject.strip_prefix(&self.lease_prefix())?.parse().ok());
            let Some(node) = node else { continue };
            let (revision, refreshed, status) = (message.seq, message.time()?, message.into_payload());
            leases.push(Lease { node, going: status.is_empty(), status, refreshed, revision });
        }
        Ok(leases)
    }

    /// Whether a node's lease lasts, as the bucket's leader has it.
    pub async fn is_alive(&self, node: NodeId) -> Result<bool, ReadError> {
        let (stream, subject) = (Stream::Nodes.name(&self.namespace), format!("{}{node}", self.lease_prefix()));
        Ok(self.last_seq(&stream, &subject).await?.is_some())
    }

    fn lease(&self, node: NodeId, status: Bytes) -> Message {
        Message::new(format!("{}{node}", self.lease_prefix()), status)
    }

    /// One try: a refresh that comes late is of no use.
    async fn put(&self, lease: Message) -> Result<(), Refusal> {
        let Err(refusal) = self.attempt(&lease).await else { return Ok(()) };
        if let Refusal::Away(_) = refusal
            && let Err(error) = self.ensure(Stream::Nodes).await
        {
            tracing::debug!(%error, "the bucket of leases is not there");
        }
        Err(refusal)
    }

    fn lease_prefix(&self) -> String {
        format!("$KV.{}.", self.namespace.bucket("NODES"))
    }
}
