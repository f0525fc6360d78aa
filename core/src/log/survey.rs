//! The streams of an installation, as somebody sees them who looks after it.

use std::collections::BTreeSet;

use async_nats::{
    Client,
    jetstream::stream::{Info, StorageType},
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ReadError,
    api::{self, ApiError},
    subject::Namespace,
};
use crate::position::Partition;

/// Streams that are asked about at once.
const AT_ONCE: usize = 8;

/// A stream and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Surveyed {
    /// Its name on NATS; that of a key-value bucket begins with `KV_`.
    pub name: String,
    /// How many records are in it.
    pub records: u64,
    /// Their size, with headers and subjects.
    pub bytes: u64,
    /// The seq of its first record, or of the next when there is none.
    pub first_seq: u64,
    /// The last seq that was given.
    pub last_seq: u64,
    /// Its consumers: who follows it.
    pub followers: usize,
    /// Whether a restart of its server loses it.
    pub in_memory: bool,
    /// Copies of it.
    pub replicas: usize,
    /// Copies that are up with the leader, itself included.
    pub current: usize,
    /// The server that leads it; absent on a single server.
    pub leader: Option<String>,
}

impl Surveyed {
    /// What a server tells of a stream.
    pub fn of(info: &Info) -> Self {
        let cluster = info.cluster.as_ref();
        let others = cluster.map_or(0, |cluster| cluster.replicas.iter().filter(|peer| peer.current).count());
        Self {
            name: info.config.name.clone(),
            records: info.state.messages,
            bytes: info.state.bytes,
            first_seq: info.state.first_sequence,
            last_seq: info.state.last_sequence,
            followers: info.state.consumer_count,
            in_memory: info.config.storage == StorageType::Memory,
            replicas: info.config.num_replicas,
            current: others + 1,
            leader: cluster.and_then(|cluster| cluster.leader.clone()),
        }
    }
}

#[derive(Deserialize)]
struct Names {
    total: usize,
    #[serde(default)]
    streams: Option<Vec<String>>,
}

/// The log's partitions first, then the others and the buckets by name.
pub async fn survey(client: &Client, namespace: &Namespace) -> Result<Vec<Surveyed>, ReadError> {
    let names = of_namespace(names(client).await?, namespace);
    let infos = stream::iter(names.into_iter().map(|name| info(client, name)));
    let mut found: Vec<_> = infos.buffered(AT_ONCE).try_filter_map(async |found| Ok(found)).try_collect().await?;
    found.sort_by_cached_key(|it: &Surveyed| {
        let number = it.name.rsplit_once("LOG_").and_then(|(_, number)| number.parse::<u16>().ok());
        (number.is_none(), number, it.name.clone())
    });
    Ok(found)
}

async fn names(client: &Client) -> Result<BTreeSet<String>, ReadError> {
    let mut names = BTreeSet::new();
    let mut asked = 0;
    loop {
        let body = serde_json::json!({ "offset": asked }).to_string();
        let page: Names = api::ask(client, "STREAM.NAMES", body.into()).await?;
        let streams = page.streams.unwrap_or_default();
        asked += streams.len();
        let last = streams.is_empty() || asked >= page.total;
        names.extend(streams);
        if last {
            return Ok(names);
        }
    }
}

/// One that has gone meanwhile is none.
async fn info(client: &Client, name: String) -> Result<Option<Surveyed>, ReadError> {
    const NOT_FOUND: u64 = 10059;
    match api::ask::<Info>(client, &format!("STREAM.INFO.{name}"), Bytes::new()).await {
        Ok(info) => Ok(Some(Surveyed::of(&info))),
        Err(ApiError::Server { code: NOT_FOUND, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Several installations may share a NATS. Each but the one in the namespace `vox` puts its own name before every other;
/// the first stream of its log tells that it is there.
fn of_namespace(names: BTreeSet<String>, namespace: &Namespace) -> Vec<String> {
    let first = |name: &str| name.strip_suffix("LOG_0").map(str::to_owned);
    let own = first(&namespace.log_stream(Partition(0))).unwrap_or_default();
    let prefixes: BTreeSet<String> = names.iter().filter_map(|name| first(name)).collect();
    let owner = |name: &str| {
        let name = name.strip_prefix("KV_").unwrap_or(name);
        let fitting = prefixes.iter().filter(|prefix| name.starts_with(prefix.as_str()));
        fitting.max_by_key(|prefix| prefix.len()).cloned().unwrap_or_default()
    };
    names.into_iter().filter(|name| owner(name) == own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_installation_has_its_own_streams() {
        let all =
            ["LOG_0", "LOG_1", "KV_RELAY", "TEAM_LOG_0", "KV_TEAM_RELAY", "TEAM_B_LOG_0", "KV_TEAM_B_NODES", "SIGNAL"];
        let of = |namespace: &str| {
            let namespace = Namespace::new(namespace).unwrap();
            of_namespace(all.map(str::to_owned).into(), &namespace).join(" ")
        };
        assert_eq!(of("vox"), "KV_RELAY LOG_0 LOG_1 SIGNAL");
        assert_eq!(of("team"), "KV_TEAM_RELAY TEAM_LOG_0");
        assert_eq!(of("team_b"), "KV_TEAM_B_NODES TEAM_B_LOG_0");
    }
}
