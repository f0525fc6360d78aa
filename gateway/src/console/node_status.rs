//! What a node tells of itself, in its lease.

use std::collections::BTreeMap;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxlog_core::clock::Time;

use crate::Gateway;

/// How a gateway is, as it wrote it with its last sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The version of its program.
    pub version: String,
    /// When it began.
    pub started_at: Time,
    /// Whether it is where the log is.
    pub ready: bool,
    /// Its open sockets.
    pub sockets: u64,
    /// The people behind them.
    pub users: u64,
    /// The rooms that it has in use.
    pub rooms: u64,
    /// Sockets that are too slow just now and are read to from the log.
    pub lagging_sockets: u64,
    /// How often a socket was too slow since it began.
    pub lagged: u64,
    /// How often it has closed a socket, by close code.
    pub closes: BTreeMap<u16, u64>,
}

impl NodeStatus {
    /// As it stands in the lease.
    pub fn encode(&self) -> Bytes {
        serde_json::to_vec(self).expect("a status has only text keys").into()
    }

    /// As a lease has it; `None` of a version that wrote something else.
    pub fn decode(lease: &[u8]) -> Option<Self> {
        serde_json::from_slice(lease).ok()
    }
}

impl Gateway {
    /// How this node is now.
    pub fn status(&self) -> NodeStatus {
        let gauges = &self.console.gauges;
        NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            ready: self.hub.is_ready() && !self.shutdown.is_cancelled(),
            sockets: gauges.sockets(),
            users: self.seats.users(),
            rooms: self.hub.rooms_in_use(),
            lagging_sockets: gauges.lagging(),
            lagged: gauges.lagged(),
            closes: gauges.closes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_from_its_lease() {
        let status = NodeStatus {
            version: "0.1.0".to_owned(),
            started_at: Time::default(),
            ready: true,
            sockets: 3,
            users: 2,
            rooms: 1,
            lagging_sockets: 0,
            lagged: 4,
            closes: [(4002, 7)].into(),
        };
        assert_eq!(NodeStatus::decode(&status.encode()), Some(status));
        assert_eq!(NodeStatus::decode(b"{}"), None);
    }
}
