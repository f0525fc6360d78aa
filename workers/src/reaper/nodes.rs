//! Which nodes are gone.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;
use voxlog_core::id::NodeId;

/// The nodes as one looks at them again and again.
#[derive(Debug)]
pub(super) struct Nodes {
    grace: Duration,
    /// Those whose lease was seen: when it is not there any more, it has run out.
    seen: HashSet<NodeId>,
    /// Those that have sessions and no lease, and since when.
    missing: HashMap<NodeId, Instant>,
}

impl Nodes {
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, seen: HashSet::new(), missing: HashMap::new() }
    }

    /// One look: whose leases last, and which nodes have sessions.
    pub(super) fn see(&mut self, leases: impl IntoIterator<Item = NodeId>, with_sessions: BTreeSet<NodeId>) {
        let alive: HashSet<_> = leases.into_iter().collect();
        let since = |node| self.missing.get(&node).copied().unwrap_or_else(Instant::now);
        self.missing =
            with_sessions.into_iter().filter(|node| !alive.contains(node)).map(|node| (node, since(node))).collect();
        self.seen.retain(|node| self.missing.contains_key(node));
        self.seen.extend(alive);
    }

    /// Those whose sessions nobody vouches for.
    pub(super) fn gone(&self) -> Vec<NodeId> {
        let gone = |(node, since): (&NodeId, &Instant)| {
            (self.seen.contains(node) || since.elapsed() >= self.grace).then_some(*node)
        };
        self.missing.iter().filter_map(gone).collect()
    }

    /// NATS was away, and leases may have run out that nobody could refresh: all nodes have grace again.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.missing.clear();
    }
}

#[cfg(test)]
mod tests {
    use voxlog_core::clock::SystemClock;

    use super::*;

    const GRACE: Duration = Duration::from_secs(8);

    #[tokio::test(start_paused = true)]
    async fn a_node_whose_lease_was_seen_is_gone_with_it() {
        let (mut nodes, node) = (Nodes::new(GRACE), NodeId::mint(&SystemClock));
        nodes.see([node], [node].into());
        assert_eq!(nodes.gone(), []);
        nodes.see([], [node].into());
        assert_eq!(nodes.gone(), [node]);
        nodes.see([], [].into());
        assert_eq!(nodes.gone(), [], "nothing of it is left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_whose_lease_was_never_seen_has_grace() {
        let (mut nodes, node) = (Nodes::new(GRACE), NodeId::mint(&SystemClock));
        nodes.see([], [node].into());
        tokio::time::advance(GRACE / 2).await;
        nodes.see([], [node].into());
        assert_eq!(nodes.gone(), []);
        tokio::time::advance(GRACE / 2).await;
        nodes.see([], [node].into());
        assert_eq!(nodes.gone(), [node]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_nats_was_away_every_node_has_grace_again() {
        let (mut nodes, node) = (Nodes::new(GRACE), NodeId::mint(&SystemClock));
        nodes.see([node], [node].into());
        nodes.forget();
        nodes.see([], [node].into());
        assert_eq!(nodes.gone(), []);
        nodes.see([node], [node].into());
        tokio::time::advance(GRACE * 2).await;
        assert_eq!(nodes.gone(), [], "it has shown its lease");
    }
}
