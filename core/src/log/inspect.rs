//! The log as an operator looks into it: records as they were published, with their headers, whatever they are, from any
//! place of a partition in either direction.
//!
//! Unlike [`Log`](super::Log) it promises no completeness: any replica answers, and one that lags shows less of the end.

use async_nats::{Client, HeaderMap};
use bytes::Bytes;

use super::{
    ReadError, Subject,
    direct::{self, Request},
    read::Reader,
    subject::Namespace,
};
use crate::{
    clock::Time,
    id::RoomId,
    position::{Chain, Class, Partition, Partitions, Seq},
};

/// The widest stretch that is looked through at once where little or nothing stands: what stood there has outlived its
/// time to live.
const WIDEST: u64 = 1 << 20;

/// A record as it stands in a partition's stream.
#[derive(Debug, Clone)]
pub struct Raw {
    /// Where it stands.
    pub seq: Seq,
    /// The subject that it was published on.
    pub subject: String,
    /// What that makes it; `None` when this version does not know it.
    pub what: Option<Subject>,
    /// When the log took it, by the log's clock.
    pub time: Time,
    /// With which headers it was published, in no order.
    pub headers: Vec<(String, String)>,
    /// Its bytes.
    pub payload: Bytes,
}

/// Where is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// At everything in a partition.
    Partition(Partition),
    /// At all chains of a room.
    Room(RoomId),
}

/// Everything that stands between two places.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Nothing before it was looked at, nothing from it on is missing.
    pub from: Seq,
    /// In the order of seqs.
    pub records: Vec<Raw>,
}

/// Looks into a log.
#[derive(Debug, Clone)]
pub struct Inspector {
    reader: Reader,
}

impl Inspector {
    /// Of the log with these streams.
    pub const fn new(client: Client, namespace: Namespace, partitions: Partitions) -> Self {
        Self { reader: Reader { client, namespace, partitions, replicated: false } }
    }

    /// How rooms and users are spread.
    pub const fn partitions(&self) -> Partitions {
        self.reader.partitions
    }

    /// What stands after a place, oldest first, at most `limit`. Fewer mean that there was no more.
    pub async fn after(&self, within: Within, after: Seq, limit: usize) -> Result<Vec<Raw>, ReadError> {
        Ok(self.page(within, after.next(), limit).await?.0)
    }

    /// The record at a place; `None` when none stands there, or not any more.
    pub async fn at(&self, partition: Partition, seq: Seq) -> Result<Option<Raw>, ReadError> {
        let found = self.page(Within::Partition(partition), seq, 1).await?.0.pop();
        Ok(found.filter(|found| found.seq == seq))
    }

    /// What stands before a place: about `limit` records, fewer where records have gone, and none only when there are
    /// none. Those up to the stretch's beginning are for the next look.
    pub async fn before(&self, within: Within, before: Seq, limit: usize) -> Result<Stretch, ReadError> {
        match within {
            Within::Partition(_) => self.stretch_before(within, before, limit as u64).await,
            Within::Room(room) => self.room_before(room, before, limit).await,
        }
    }

    /// The seqs of the records before and after a place in a chain; 0 and `None` where there is none.
    pub async fn neighbours(&self, chain: Chain, seq: Seq) -> Result<(Seq, Option<Seq>), ReadError> {
        let before = self.reader.messages_before(chain, seq, 1).await?;
        let after = self.reader.page(chain, seq.next(), 1).await?.messages;
        let prev = before.last().map_or(Seq::ZERO, |record| record.seq);
        Ok((prev, after.first().map(|record| record.seq)))
    }

    /// The last seq of a partition that the log had given by a time; 0 when there was none.
    pub async fn last_by(&self, partition: Partition, time: Time) -> Result<Seq, ReadError> {
        let end = self.reader.tail(partition).await?.last;
        let (mut in_time, mut late_after) = (Seq::ZERO, end);
        while in_time < late_after {
            let middle = Seq(in_time.0 + (late_after.0 - in_time.0) / 2);
            let next = self.after(Within::Partition(partition), middle, 1).await?.pop();
            match next.filter(|next| next.seq <= end && next.time <= time) {
                Some(next) => in_time = next.seq,
                None => late_after = middle,
            }
        }
        Ok(in_time)
    }

    /// As many places back as records are wanted; further where nothing stands there.
    async fn stretch_before(&self, within: Within, before: Seq, limit: u64) -> Result<Stretch, ReadError> {
        let (mut end, mut width) = (before, limit);
        loop {
            let from = Seq(end.0.saturating_sub(width).max(1));
            let (mut records, complete) = self.page(within, from, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
            let seen = records.last().map_or(end, |last| last.seq.next());
            records.retain(|record| record.seq < end);
            if !complete && seen < end {
                // More stands there than was asked for: closer to the end it can't.
                width = limit;
            } else if records.is_empty() && from > Seq(1) {
                (end, width) = (from, (width * 4).min(WIDEST));
            } else {
                return Ok(Stretch { from, records });
            }
        }
    }

    async fn room_before(&self, room: RoomId, before: Seq, limit: usize) -> Result<Stretch, ReadError> {
        let mut records = Vec::new();
        for class in Class::ALL {
            for message in self.reader.messages_before(Chain::Room(room, class), before, limit).await? {
                records.push(message.into_raw(&self.reader.namespace)?);
            }
        }
        records.sort_unstable_by_key(|record| record.seq);
        let from = match records.len().checked_sub(limit) {
            // A chain that gave all that was asked for may have more before that.
            Some(more) => {
                records.drain(..more);
                records.first().map_or(Seq(1), |first| first.seq)
            }
            None => Seq(1),
        };
        Ok(Stretch { from, records })
    }

    /// From a place on, at most `limit`, and whether there was no more.
    async fn page(&self, within: Within, from: Seq, limit: usize) -> Result<(Vec<Raw>, bool), ReadError> {
        let Reader { client, namespace, partitions, .. } = &self.reader;
        let (partition, subjects) = match within {
            Within::Partition(partition) => (partition, namespace.log_subjects(partition)),
            Within::Room(room) => (partitions.of(room.as_uuid()), namespace.room(*partitions, room)),
        };
        let request = Request::From { next_by_subj: &subjects, seq: from, batch: limit };
        let page = direct::get(client, &namespace.log_stream(partition), &request).await?;
        let complete = page.is_complete();
        let records = page.messages.into_iter().map(|message| message.into_raw(namespace)).collect::<Result<_, _>>()?;
        Ok((records, complete))
    }
}

impl Raw {
    /// The headers that a publisher has set, without those that the server adds to an answer.
    pub(super) fn published(headers: &HeaderMap) -> Vec<(String, String)> {
        const ADDED: [&str; 6] = [
            "Nats-Stream",
            "Nats-Subject",
            "Nats-Sequence",
            "Nats-Time-Stamp",
            "Nats-Num-Pending",
            "Nats-Last-Sequence",
        ];
        let kept = headers.iter().filter(|(name, _)| !ADDED.contains(&name.as_ref()));
        let mut kept: Vec<_> = kept
            .flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.as_str().to_owned())))
            .collect();
        kept.sort_unstable();
        kept
    }
}
