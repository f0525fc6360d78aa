//! From where to where each partition is replayed.

use std::{str::FromStr, time::Duration};

use anyhow::bail;
use async_nats::Client;
use chrono::{SecondsFormat, TimeDelta};
use serde::Deserialize;
use serde_json::{Value, json};
use voxlog_core::{
    clock::Time,
    log::{Log, Namespace, ReadError},
    position::{Partition, Partitions, Seq},
};

use super::before;
use crate::args::Replay;

/// An end of what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A seq; it means something in one partition.
    Seq(Seq),
    /// A time by the log's clock.
    Time(Time),
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seq) = text.parse() {
            return Ok(Self::Seq(seq));
        }
        let time =
            text.parse().map_err(|_| format!("{text:?} is neither a seq nor a time like 2026-11-20T08:00:00Z"))?;
        Ok(Self::Time(time))
    }
}

/// What of a partition is replayed: the records after `after` up to `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) partition: Partition,
    pub(super) after: Seq,
    pub(super) until: Seq,
}

/// The ranges of all partitions that may have what is asked for.
pub(super) async fn plan(replay: &Replay, log: &dyn Log, locator: &Locator) -> anyhow::Result<Vec<Range>> {
    let names_seq = [replay.from, replay.to].iter().any(|bound| matches!(bound, Some(Bound::Seq(_))));
    if names_seq && replay.room.is_none() {
        bail!("a seq counts within one partition: give --room too, or times");
    }
    let mut ranges = Vec::new();
    for partition in wanted(replay, log.partitions()) {
        let after = match replay.from {
            None => Seq::ZERO,
            Some(Bound::Seq(seq)) => before(seq),
            Some(Bound::Time(time)) => before(locator.first_at(partition, time).await?),
        };
        let tail = log.tail(partition).await?.last;
        let until = match replay.to {
            None => tail,
            Some(Bound::Seq(seq)) => seq.min(tail),
            // The first one later than that is the first that is out. Nothing is later than the last time there is.
            Some(Bound::Time(time)) => match time.checked_add_signed(TimeDelta::nanoseconds(1)) {
                Some(later) => before(locator.first_at(partition, later).await?).min(tail),
                None => tail,
            },
        };
        ranges.push(Range { partition, after, until });
    }
    Ok(ranges)
}

fn wanted(replay: &Replay, partitions: Partitions) -> Vec<Partition> {
    match replay.room {
        Some(room) => vec![partitions.of(room.as_uuid())],
        None => partitions.all().collect(),
    }
}

/// Finds records by what is not their seq.
#[derive(Debug)]
pub(super) struct Locator {
    client: Client,
    namespace: Namespace,
}

#[derive(Deserialize)]
struct Created {
    name: String,
    delivered: Delivered,
}

#[derive(Deserialize)]
struct Delivered {
    stream_seq: u64,
}

impl Locator {
    pub(super) fn new(client: Client, namespace: Namespace) -> Self {
        Self { client, namespace }
    }

    /// The seq of the first record that the log took at `time` or later; of the next one to come when there is none.
    /// The server searches: a consumer that begins there knows what stands before it.
    pub(super) async fn first_at(&self, partition: Partition, time: Time) -> Result<Seq, ReadError> {
        let stream = self.namespace.log_stream(partition);
        let name = format!("locate-{:016x}", rand::random::<u64>());
        let body = json!({
            "stream_name": stream,
            "config": {
                "name": name,
                "deliver_policy": "by_start_time",
                "opt_start_time": time.to_rfc3339_opts(SecondsFormat::Nanos, true),
                "ack_policy": "none",
                "mem_storage": true,
                "num_replicas": 1,
                "inactive_threshold": u64::try_from(Duration::from_secs(5).as_nanos()).unwrap_or(u64::MAX),
            },
        });
        let created: Created = self.ask(&format!("CONSUMER.CREATE.{stream}.{name}"), &body).await?;
        let deleted = self.ask::<Value>(&format!("CONSUMER.DELETE.{stream}.{}", created.name), &Value::Null).await;
        if let Err(error) = deleted {
            tracing::debug!(%error, "a consumer is left to its own end");
        }
        Ok(Seq(created.delivered.stream_seq).next())
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, call: &str, body: &Value) -> Result<T, ReadError> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.client.request(format!("$JS.API.{call}"), body.into()).await.map_err(unavailable)?;
        serde_json::from_slice(&answer.payload)
            .map_err(|_| ReadError::Broken(String::from_utf8_lossy(&answer.payload).into_owned()))
    }
}

fn unavailable(error: impl std::fmt::Display) -> ReadError {
    ReadError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_seq_or_a_time() {
        assert_eq!("17".parse(), Ok(Bound::Seq(Seq(17))));
        let time = "2026-11-20T08:00:00Z".parse::<Time>().unwrap();
        assert_eq!("2026-11-20T09:00:00+01:00".parse(), Ok(Bound::Time(time)));
        for wrong in ["", "-1", "yesterday", "2026-11-20", "1.5"] {
            wrong.parse::<Bound>().expect_err(wrong);
        }
    }
}
