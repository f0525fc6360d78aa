//! `voxlog replay`: the log's events on stdout.
//!
//! Order: partition by partition from 0, in each by seq; of one room, simply by seq. With `--follow` all partitions at
//! once, in each by seq. Without it the replay ends at the log's end as of its start.
//!
//! The way of an event is short: its subject decides first, its type only when one was asked for, and its bytes go to
//! the buffer as they came.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream::select_all};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    log::{Log, ReadError, Stored},
    position::{Partition, Seq},
};

use crate::{
    args::{Replay, ReplayFormat},
    config::{Reader, Sources},
    link::{self, Link},
};

mod filter;
mod range;
mod writer;

use filter::Filter;
pub use range::Bound;
use range::{Locator, Range};
use writer::{Output, Writer};

/// A feed that is silent for so long is asked whether anything is left. Records may have outlived their time to live.
const SILENCE: Duration = Duration::from_millis(500);

/// Events between two looks at the progress bar.
const PROGRESS_EVERY: u64 = 1024;

/// Replays. A reader that leaves ends it, and that is no failure.
pub async fn run(replay: &Replay, sources: &Sources, shutdown: &CancellationToken) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::new(sources);
    let Some(settings) = reader.log() else { return Err(reader.into_faults().into()) };
    let link = link::open(&settings).await?;
    let locator = Locator::new(link.client.clone(), settings.namespace);
    let ranges = range::plan(replay, &*link.log, &locator).await?;
    let stdout = io::stdout();
    let table = replay.format.map_or(stdout.is_terminal(), |format| format == ReplayFormat::Table);
    let writer = if table { Writer::table(stdout.lock())? } else { Writer::ndjson(stdout.lock()) };
    let mut run = Run { link, filter: Filter::new(replay.room, &replay.types), writer, bar: bar(&ranges) };
    let replayed = if replay.follow {
        shutdown.run_until_cancelled(run.follow(ranges)).await
    } else {
        shutdown.run_until_cancelled(run.all(ranges)).await
    };
    run.bar.finish_and_clear();
    let code = if replayed.is_some() || replay.follow { ExitCode::SUCCESS } else { ExitCode::from(crate::INTERRUPTED) };
    match replayed.transpose().and_then(|_| Ok(run.writer.flush()?)) {
        Err(Fault::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        outcome => outcome.map(|()| code).map_err(Into::into),
    }
}

/// What ended a replay.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("can't write: {0}")]
    Output(#[from] io::Error),
}

struct Run<W: Output> {
    link: Link,
    filter: Filter,
    writer: Writer<W>,
    bar: ProgressBar,
}

impl<W: Output> Run<W> {
    async fn all(&mut self, ranges: Vec<Range>) -> Result<(), Fault> {
        for range in ranges {
            self.one(range).await?;
        }
        Ok(())
    }

    /// A partition up to the end of its range.
    async fn one(&mut self, Range { partition, after, until }: Range) -> Result<(), Fault> {
        let (mut last, mut seen) = (after, 0);
        let mut feed = self.link.log.follow(partition, after);
        let mut checks = tokio::time::interval(SILENCE);
        let mut silent = true;
        while last < until {
            let stored = tokio::select! {
                biased;
                stored = feed.next() => stored,
                _ = checks.tick() => {
                    // Only what came since the last tick is noted: a timer per record would cost more than the record.
                    if std::mem::replace(&mut silent, true) && self.link.log.nothing_left(partition, last, until).await? {
                        break;
                    }
                    continue;
                }
            };
            let Some(stored) = stored.transpose()? else { break };
            silent = false;
            last = stored.seq;
            if last <= until {
                self.take(partition, &stored)?;
            }
            seen += 1;
            if seen % PROGRESS_EVERY == 0 {
                self.bar.inc(PROGRESS_EVERY);
            }
        }
        Ok(())
    }

    /// All partitions, without end. What is written reaches the reader as soon as nothing more is at hand.
    async fn follow(&mut self, ranges: Vec<Range>) -> Result<(), Fault> {
        let feeds = ranges.into_iter().map(|range| {
            let partition = range.partition;
            self.link.log.follow(partition, range.after).map(move |stored| (partition, stored))
        });
        let mut feeds = select_all(feeds);
        loop {
            let next = if let Some(next) = feeds.next().now_or_never() {
                next
            } else {
                self.writer.flush()?;
                feeds.next().await
            };
            let Some((partition, stored)) = next else { return Ok(()) };
            self.take(partition, &stored?)?;
        }
    }

    fn take(&mut self, partition: Partition, stored: &Stored) -> Result<(), Fault> {
        if self.filter.takes(stored) {
            self.writer.write(partition, stored)?;
        }
        Ok(())
    }
}

/// On stderr, when a person looks at that and not at the events.
fn bar(ranges: &[Range]) -> ProgressBar {
    let shown = io::stderr().is_terminal() && !io::stdout().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} records, {per_sec}, {eta} left")
        .expect("a constant template is well-formed");
    let records = ranges.iter().map(|range| range.until.0.saturating_sub(range.after.0)).sum();
    ProgressBar::with_draw_target(Some(records), target).with_style(style)
}

/// The seq before this one.
const fn before(seq: Seq) -> Seq {
    Seq(seq.0.saturating_sub(1))
}
