//! `voxlog rebuild`: the read models made again from the log.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    process::ExitCode,
    sync::Mutex,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use voxlog_core::position::{Partition, Seq};
use voxlog_projections::rebuild::{self, Mode, Progress, Report};

use crate::{
    args::{Format, Rebuild},
    config::{Reader, Sources},
    link, terminal,
};

/// Rebuilds, and prints the digests of both sides. The exit code is 1 when the live ones were not what the log says.
pub async fn run(args: &Rebuild, sources: &Sources) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::new(sources);
    let (log, database) = (reader.log(), reader.database());
    let (Some(log), Some(database)) = (log, database) else { return Err(reader.into_faults().into()) };
    let link = link::open(&log).await?;
    let mode = if args.check { Mode::Check } else { Mode::Swap };
    let bar = Bar::new();
    let report = rebuild::rebuild(link.log, &database, link::SCHEMA, mode, |progress| bar.show(progress)).await;
    bar.bar.finish_and_clear();
    let report = report?;
    print(&report, args.format)?;
    Ok(if report.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &Report, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return terminal::print_json(report);
    }
    let mut table = terminal::table(["TABLE", "ROWS LIVE", "ROWS REBUILT", "DIGEST LIVE", "DIGEST REBUILT", ""]);
    for compared in &report.tables {
        let (live, rebuilt) = (&compared.live, &compared.rebuilt);
        let verdict = if compared.equal { "equal" } else { "DIFFERENT" };
        let rows = (live.rows.to_string(), rebuilt.rows.to_string());
        table.add_row([live.table, &rows.0, &rows.1, &live.sum, &rebuilt.sum, verdict]);
    }
    terminal::print(table.trim_fmt())?;
    eprintln!(
        "{}; {}",
        if report.equal { "the live read models were what the log says" } else { "the live read models were WRONG" },
        if report.swapped { "the rebuilt ones are live now" } else { "nothing was changed" },
    );
    Ok(())
}

/// One bar over all partitions, which come in turns.
struct Bar {
    bar: ProgressBar,
    partitions: Mutex<BTreeMap<Partition, (Seq, Seq)>>,
}

impl Bar {
    fn new() -> Self {
        let target =
            if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} records, {per_sec}, {eta} left")
            .expect("a constant template is well-formed");
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
        Self { bar, partitions: Mutex::default() }
    }

    fn show(&self, progress: Progress) {
        let mut partitions = self.partitions.lock().expect("a progress bar's lock is held for a sum");
        partitions.insert(progress.partition, (progress.at, progress.tail));
        let (at, tail) = partitions.values().fold((0, 0), |sum, (at, tail)| (sum.0 + at.0, sum.1 + tail.0));
        self.bar.set_length(tail);
        self.bar.set_position(at);
    }
}
