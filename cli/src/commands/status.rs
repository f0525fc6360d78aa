//! `voxlog status`: the streams, and how far the projections are behind.

use std::process::ExitCode;

use anyhow::Context as _;
use async_nats::jetstream::{self, stream::Info};
use serde::Serialize;
use voxlog_core::position::Partition;
use voxlog_projections::{ReadModel, parked};

use crate::{
    args::{Format, Status},
    config::{LogSettings, Reader, Sources},
    link, terminal,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    streams: Vec<Stream>,
    /// Absent when PostgreSQL does not answer.
    projections: Option<Vec<Projection>>,
    /// Why they are absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stream {
    name: String,
    records: u64,
    bytes: u64,
    first_seq: u64,
    last_seq: u64,
    followers: usize,
    replicas: usize,
    /// Replicas that are up with the leader, itself included.
    current: usize,
    /// Absent on a single server.
    leader: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Projection {
    partition: Partition,
    checkpoint: u64,
    lag_events: u64,
    parked: i64,
}

/// Shows it. The exit code is 1 when PostgreSQL does not answer.
pub async fn run(status: &Status, sources: &Sources) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::new(sources);
    let (log, database) = (reader.log(), reader.database());
    let (Some(log), Some(database)) = (log, database) else { return Err(reader.into_faults().into()) };
    let streams = streams(&log).await?;
    let (projections, fault) = match projections(&link::read_model(&database)?, &streams).await {
        Ok(projections) => (Some(projections), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let report = Report { streams, projections, fault };
    match status.format {
        Format::Json => terminal::print_json(&report)?,
        Format::Table => print(&report)?,
    }
    Ok(if report.fault.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn streams(log: &LogSettings) -> anyhow::Result<Vec<Stream>> {
    let context = jetstream::new(link::reach(log).await?);
    let mut streams = Vec::new();
    for partition in log.partitions.all() {
        let name = log.namespace.log_stream(partition);
        let stream = context.get_stream(&name).await.with_context(|| format!("there is no stream {name}"))?;
        streams.push(Stream::of(stream.cached_info()));
    }
    Ok(streams)
}

impl Stream {
    fn of(info: &Info) -> Self {
        let cluster = info.cluster.as_ref();
        let leader = cluster.and_then(|cluster| cluster.leader.clone());
        let others = cluster.map_or(0, |cluster| cluster.replicas.iter().filter(|peer| peer.current).count());
        Self {
            name: info.config.name.clone(),
            records: info.state.messages,
            bytes: info.state.bytes,
            first_seq: info.state.first_sequence,
            last_seq: info.state.last_sequence,
            followers: info.state.consumer_count,
            replicas: info.config.num_replicas,
            current: others + 1,
            leader,
        }
    }
}

async fn projections(read: &ReadModel, streams: &[Stream]) -> Result<Vec<Projection>, sqlx::Error> {
    let mut projections = Vec::new();
    for (partition, stream) in (0..).map(Partition).zip(streams) {
        let checkpoint = read.checkpoint(partition).await?.0;
        let parked = parked::count(read, partition).await?;
        let lag_events = stream.last_seq.saturating_sub(checkpoint);
        projections.push(Projection { partition, checkpoint, lag_events, parked });
    }
    Ok(projections)
}

fn print(report: &Report) -> anyhow::Result<()> {
    let mut table = terminal::table(["STREAM", "RECORDS", "SIZE", "FIRST", "LAST", "FOLLOWERS", "REPLICAS", "LEADER"]);
    for stream in &report.streams {
        table.add_row([
            stream.name.clone(),
            stream.records.to_string(),
            terminal::bytes(stream.bytes),
            stream.first_seq.to_string(),
            stream.last_seq.to_string(),
            stream.followers.to_string(),
            format!("{}/{}", stream.current, stream.replicas),
            stream.leader.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    terminal::print(format!("{}\n", table.trim_fmt()))?;
    let Some(projections) = &report.projections else {
        eprintln!("the projections can't be seen: {}", report.fault.as_deref().unwrap_or_default());
        return Ok(());
    };
    if projections.iter().any(|projection| projection.parked > 0) {
        eprintln!("events are parked: `voxlog parked` lists them");
    }
    let mut table = terminal::table(["PARTITION", "CHECKPOINT", "LAG", "PARKED"]);
    for projection in projections {
        let Projection { partition, checkpoint, lag_events, parked } = projection;
        table.add_row([partition.to_string(), checkpoint.to_string(), lag_events.to_string(), parked.to_string()]);
    }
    Ok(terminal::print(table.trim_fmt())?)
}
