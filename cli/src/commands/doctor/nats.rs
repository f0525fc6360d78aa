//! The log's servers and streams.

use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{self, stream::Info},
};
use tokio::time::timeout;
use voxlog_core::{
    bus::streams::Stream,
    log::{connect, streams},
    position::Partition,
};

use super::{Check, clocks};
use crate::config::LogSettings;

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn examine(settings: &LogSettings, embedded: bool) -> Vec<Check> {
    let client = match reach(settings).await {
        Ok(client) => client,
        Err(problem) => {
            return vec![Check::fail("nats-server", problem, "start it, or correct NATS_URL and NATS_CREDS")];
        }
    };
    let mut checks = vec![version(&client)];
    let context = jetstream::new(client.clone());
    if let Err(error) = context.query_account().await {
        let remedy = "start nats-server with -js, or enable JetStream for the account";
        checks.push(Check::fail("JetStream", error.to_string(), remedy));
        return checks;
    }
    checks.push(Check::ok("JetStream", "on"));
    let infos = infos(&context, settings).await;
    checks.extend(examine_streams(settings, &infos));
    checks.extend(examine_beside(&context, settings).await);
    checks.push(sync(embedded));
    if !infos.is_empty() {
        checks.push(clocks::nats(&client, settings).await);
    }
    checks
}

async fn reach(settings: &LogSettings) -> Result<Client, String> {
    let options = connect::options("voxlog doctor", settings.credentials.as_deref()).await;
    let options = options.map_err(|error| error.to_string())?.max_reconnects(1);
    let connecting = options.connect(connect::servers(&settings.url));
    match timeout(PATIENCE, connecting).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

fn version(client: &Client) -> Check {
    let found = client.server_info().version;
    match streams::check_server(&found) {
        Ok(()) => Check::ok("nats-server", format!("version {found}")),
        Err(_) => Check::fail("nats-server", format!("version {found}"), "install 2.15.1 or newer"),
    }
}

/// The streams that are there.
async fn infos(context: &jetstream::Context, settings: &LogSettings) -> Vec<(Partition, Info)> {
    let mut infos = Vec::new();
    for partition in settings.partitions.all() {
        if let Ok(stream) = context.get_stream(settings.namespace.log_stream(partition)).await {
            infos.push((partition, stream.cached_info().clone()));
        }
    }
    infos
}

/// By the rules by which a node refuses to start, then what no node minds.
fn examine_streams(settings: &LogSettings, infos: &[(Partition, Info)]) -> Vec<Check> {
    let wanted = usize::from(settings.partitions.count());
    let mut checks = Vec::new();
    match infos.len() {
        0 => checks.push(Check::warn("streams", "none yet", "the first `voxlog serve` makes them")),
        found if found < wanted => {
            let remedy = "look at VOXLOG_PARTITIONS and VOXLOG_NAMESPACE: a log that has lost streams has lost events";
            checks.push(Check::fail("streams", format!("{found} of {wanted}"), remedy));
        }
        found => checks.push(Check::ok("streams", format!("{found} of {wanted}"))),
    }
    let config = settings.config();
    let faults = infos.iter().filter_map(|(partition, info)| streams::check_stream(&config, *partition, info).err());
    let mut faults: Vec<_> = faults.map(|fault| fault.to_string()).collect();
    // Another number of partitions is told by every stream alike.
    faults.dedup();
    checks.extend(faults.into_iter().map(|fault| Check::fail("streams", fault, "no node starts on it as it is")));
    checks.extend(infos.iter().filter_map(|(_, info)| copies(info)));
    checks
}

/// What nodes tell each other beside the log: whatever is not as it should be is put right by the next node that starts.
async fn examine_beside(context: &jetstream::Context, settings: &LogSettings) -> Vec<Check> {
    let mut checks = Vec::new();
    for kind in Stream::ALL {
        let name = kind.name(&settings.namespace);
        let Ok(stream) = context.get_stream(&name).await else { continue };
        let info = stream.cached_info();
        if let Some(fault) = kind.fault(&settings.namespace, settings.replicas, info) {
            let remedy = "the next `voxlog serve` of a gateway or of workers changes it";
            checks.push(Check::warn("streams", format!("{name}: {fault}"), remedy));
        }
        checks.extend(copies(info));
    }
    checks
}

fn copies(info: &Info) -> Option<Check> {
    let name = &info.config.name;
    let cluster = info.cluster.as_ref().filter(|_| info.config.num_replicas > 1)?;
    if cluster.leader.is_none() {
        return Some(Check::fail("replicas", format!("{name} has no leader"), "start the servers that are missing"));
    }
    let behind: Vec<_> =
        cluster.replicas.iter().filter(|peer| peer.offline || !peer.current).map(|peer| &*peer.name).collect();
    let remedy = "look at these servers: the log loses its leader with one more";
    (!behind.is_empty()).then(|| Check::warn("replicas", format!("{name} is behind on {}", behind.join(", ")), remedy))
}

/// A client can't ask a server how it syncs: only what we started ourselves is known.
fn sync(embedded: bool) -> Check {
    if embedded {
        let found = "lazy: what is acknowledged survives a killed process, but not a power loss";
        return Check::warn("fsync", found, "use a server with sync_interval: always where that matters");
    }
    let found = "can't be asked from here";
    Check::warn(
        "fsync",
        found,
        "see that the servers' configs say jetstream { sync_interval: always }, as those in nats/ do",
    )
}
