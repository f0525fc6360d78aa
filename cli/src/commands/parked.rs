//! `voxlog parked`: the events that could not be applied, and another try.

use std::process::ExitCode;

use serde::Serialize;
use voxlog_projections::parked::{self, Retried};

use crate::{
    args::{Format, Parked},
    config::{Reader, Sources},
    link, terminal,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// Absent when nothing was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    retried: Option<Retried>,
    parked: Vec<parked::Parked>,
}

/// Lists them, after another try if one was asked for. The exit code is 1 when that left some stuck.
pub async fn run(args: &Parked, sources: &Sources) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::new(sources);
    let Some(database) = reader.database() else { return Err(reader.into_faults().into()) };
    let db = link::read_model(&database)?;
    let retried = if args.retry { Some(parked::retry_parked(&db, args.owner).await?) } else { None };
    let mut parked = parked::parked(&db, usize::MAX).await?;
    parked.retain(|event| args.owner.is_none_or(|owner| owner == event.owner));
    let report = Report { retried, parked };
    match args.format {
        Format::Json => terminal::print_json(&report)?,
        Format::Table => print(&report)?,
    }
    let stuck = report.retried.is_some_and(|retried| retried.stuck > 0);
    Ok(if stuck { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(report: &Report) -> anyhow::Result<()> {
    if let Some(Retried { applied, stuck }) = report.retried {
        eprintln!("{applied} events applied, {stuck} owners stuck");
    }
    if report.parked.is_empty() {
        eprintln!("nothing is parked");
        return Ok(());
    }
    let mut table = terminal::table(["PARTITION", "SEQ", "OWNER", "TYPE", "ATTEMPTS", "PARKED AT", "ERROR"]);
    for event in &report.parked {
        table.add_row([
            event.partition.to_string(),
            event.seq.to_string(),
            event.owner.to_string(),
            event.kind.clone(),
            event.attempts.to_string(),
            event.parked_at.to_string(),
            event.error.clone(),
        ]);
    }
    Ok(terminal::print(table.trim_fmt())?)
}
