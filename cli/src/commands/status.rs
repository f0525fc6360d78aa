//! `voxlog status`: the streams, and how far the projections are behind.

use std::process::ExitCode;

use anyhow::ensure;
use serde::Serialize;
use voxlog_core::{
    log::survey::{Surveyed, survey},
    position::{Partition, Seq},
};
use voxlog_projections::{ReadModel, Standing, standings};

use crate::{
    args::{Format, Status},
    config::{LogSettings, Reader, Sources},
    link, terminal,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    streams: Vec<Surveyed>,
    /// Absent when PostgreSQL does not answer.
    projections: Option<Vec<Standing>>,
    /// Why they are absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// Shows it. The exit code is 1 when PostgreSQL does not answer.
pub async fn run(status: &Status, sources: &Sources) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::new(sources);
    let (log, database) = (reader.log(), reader.database());
    let (Some(log), Some(database)) = (log, database) else { return Err(reader.into_faults().into()) };
    let streams = streams(&log).await?;
    let partitions = &streams[..log.partitions.count().into()];
    let (projections, fault) = match projections(&link::read_model(&database)?, partitions).await {
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

/// The log's partitions, then what is beside it.
async fn streams(log: &LogSettings) -> anyhow::Result<Vec<Surveyed>> {
    let streams = survey(&link::reach(log).await?, &log.namespace).await?;
    for (place, partition) in log.partitions.all().enumerate() {
        let name = log.namespace.log_stream(partition);
        ensure!(streams.get(place).is_some_and(|stream| stream.name == name), "there is no stream {name}");
    }
    Ok(streams)
}

async fn projections(read: &ReadModel, partitions: &[Surveyed]) -> Result<Vec<Standing>, sqlx::Error> {
    let heads = (0..).map(Partition).zip(partitions.iter().map(|stream| Seq(stream.last_seq)));
    standings(read, heads).await
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
        let Standing { partition, checkpoint, lag_events, parked, .. } = projection;
        table.add_row([partition.to_string(), checkpoint.to_string(), lag_events.to_string(), parked.to_string()]);
    }
    Ok(terminal::print(table.trim_fmt())?)
}
