//! Looking through the whole log, from its end back or from a place on.
//!
//! Every partition is read in chunks and the partitions are merged by the log's time. One look reads so much and no more:
//! where what is looked for is rare, it ends with what it has found and says where the next one goes on.

use std::collections::VecDeque;

use futures_util::{FutureExt, StreamExt, TryStreamExt, future, stream};
use voxlog_core::{
    clock::Time,
    log::{
        Inspector, ReadError,
        inspect::{Raw, Within},
    },
    position::{Partition, Seq},
};

use super::{filter::Filter, places::Places};

/// Records of one partition that are read at once. What is held of all partitions is at most this, for each.
const CHUNK: usize = 64;

/// Records that one look reads at least, whatever it finds.
const ENOUGH: usize = 4096;

/// Partitions that are read at once.
const AT_ONCE: usize = 8;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the newest to the oldest: what stands before the places.
    Back,
    /// From the oldest to the newest: what stands after the places.
    On,
}

/// What a look has found.
#[derive(Debug)]
pub struct Found {
    /// In the order of the way, at most as many as were asked for.
    pub records: Vec<(Partition, Raw)>,
    /// From where the next look goes on.
    pub places: Places,
    /// Whether there may be more that way.
    pub more: bool,
    /// How many records were read.
    pub scanned: usize,
}

/// One partition while it is looked through.
struct Lane {
    partition: Partition,
    within: Within,
    /// Up to where it was read.
    place: Seq,
    /// What was found and not yet told, the next first.
    waiting: VecDeque<Raw>,
    /// Nothing is left that way.
    done: bool,
}

/// The end of every partition: a look back begins after it, a look on at it.
pub async fn ends(inspector: &Inspector, at: Option<Time>, tails: Vec<Seq>) -> Result<Places, ReadError> {
    let Some(time) = at else { return Ok(Places::new(tails)) };
    let cuts: Vec<_> =
        inspector.partitions().all().map(|partition| inspector.last_by(partition, time).boxed()).collect();
    Ok(Places::new(stream::iter(cuts).buffered(AT_ONCE).try_collect().await?))
}

/// Looks for at most `limit` events. `places` are exclusive either way.
pub async fn look(
    inspector: &Inspector,
    filter: &Filter,
    way: Way,
    mut places: Places,
    limit: usize,
) -> Result<Found, ReadError> {
    let lane = |(partition, within)| {
        let place = places.of(partition);
        Lane { partition, within, place, waiting: VecDeque::new(), done: false }
    };
    let mut lanes: Vec<_> = filter.places(inspector.partitions()).into_iter().map(lane).collect();
    let budget = ENOUGH.max(2 * CHUNK * lanes.len());
    let (mut records, mut scanned) = (Vec::new(), 0);
    while records.len() < limit {
        if lanes.iter().any(Lane::is_dry) {
            if scanned >= budget {
                break;
            }
            scanned += fill(&mut lanes, inspector, filter, way).await?;
            continue;
        }
        let Some(next) = next(&mut lanes, way) else { break };
        records.push(next);
    }
    for lane in &lanes {
        places.set(lane.partition, lane.told(way));
    }
    let more = lanes.iter().any(|lane| !lane.done || !lane.waiting.is_empty());
    Ok(Found { records, places, more, scanned })
}

/// Reads a chunk of every partition of which nothing waits.
async fn fill(lanes: &mut [Lane], inspector: &Inspector, filter: &Filter, way: Way) -> Result<usize, ReadError> {
    let dry = lanes.iter_mut().filter(|lane| lane.is_dry());
    let reads: Vec<_> = dry.map(|lane| lane.read(inspector, filter, way).boxed()).collect();
    stream::iter(reads).buffer_unordered(AT_ONCE).try_fold(0, |sum, read| future::ready(Ok(sum + read))).await
}

/// The next of all, by the log's time.
fn next(lanes: &mut [Lane], way: Way) -> Option<(Partition, Raw)> {
    let waiting = lanes.iter_mut().filter(|lane| !lane.waiting.is_empty());
    let time = |lane: &&mut Lane| lane.waiting.front().map(|raw| (raw.time, lane.partition));
    let lane = match way {
        Way::Back => waiting.max_by_key(time),
        Way::On => waiting.min_by_key(time),
    }?;
    lane.waiting.pop_front().map(|raw| (lane.partition, raw))
}

impl Lane {
    /// What comes next here is not known.
    fn is_dry(&self) -> bool {
        self.waiting.is_empty() && !self.done
    }

    async fn read(&mut self, inspector: &Inspector, filter: &Filter, way: Way) -> Result<usize, ReadError> {
        let read = match way {
            Way::Back => {
                let stretch = inspector.before(self.within, self.place, CHUNK).await?;
                let older = |raw: &Raw| filter.from.is_some_and(|from| raw.time < from);
                self.place = stretch.from;
                self.done = stretch.from <= Seq(1) || stretch.records.first().is_some_and(older);
                stretch.records.into_iter().rev().collect::<Vec<_>>()
            }
            Way::On => {
                let records = inspector.after(self.within, self.place, CHUNK).await?;
                let newer = |raw: &Raw| filter.to.is_some_and(|to| raw.time > to);
                self.place = records.last().map_or(self.place, |last| last.seq);
                self.done = records.len() < CHUNK || records.last().is_some_and(newer);
                records
            }
        };
        let count = read.len();
        self.waiting.extend(read.into_iter().filter(|raw| filter.takes(raw)));
        Ok(count.max(1))
    }

    /// Up to where everything that was found has been told.
    fn told(&self, way: Way) -> Seq {
        match (self.waiting.front(), way) {
            (None, _) => self.place,
            (Some(next), Way::Back) => next.seq.next(),
            (Some(next), Way::On) => Seq(next.seq.0 - 1),
        }
    }
}
