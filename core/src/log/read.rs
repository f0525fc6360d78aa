//! Reading what stands in the log.
//!
//! Direct gets are answered by any replica, and one that lags has a prefix of the log. So an answer that reaches what the
//! caller has seen is complete up to there; any other is checked against the leader, and asked for again.

use std::{collections::HashMap, time::Duration};

use async_nats::Client;
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    ReadError, Stored, Tail,
    api::{self, Get, Raw},
    direct::{self, Page, Request},
    subject::Namespace,
};
use crate::{
    id::{EventId, RoomId},
    position::{Chain, Class, Heads, Partition, Partitions, Seq},
};

/// Records that one request asks for at most.
const PAGE: usize = 1000;

/// How long a replica may lag behind the leader before a read gives up on it.
const LAG_PATIENCE: Duration = Duration::from_secs(3);
const LAG_PAUSE: Duration = Duration::from_millis(5);

/// Reads chains and heads.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) client: Client,
    pub(super) namespace: Namespace,
    pub(super) partitions: Partitions,
    /// More than one: an answer may come from one that lags.
    pub(super) replicated: bool,
}

#[derive(Deserialize)]
struct StreamInfo {
    state: StreamState,
}

#[derive(Deserialize)]
struct StreamState {
    last_seq: u64,
}

impl Reader {
    pub(super) async fn read(
        &self,
        chain: Chain,
        after: Seq,
        limit: usize,
        known: Seq,
    ) -> Result<Vec<Stored>, ReadError> {
        let mut records = Vec::new();
        let (mut last, mut lag) = (after, Lag::default());
        while records.len() < limit {
            let page = self.page(chain, last.next(), (limit - records.len()).min(PAGE)).await?;
            let complete = page.is_complete();
            last = page.messages.last().map_or(last, |message| message.seq);
            for message in page.messages {
                records.extend(message.into_stored(&self.namespace)?);
            }
            if complete && records.len() < limit {
                if last >= known || !self.lags(chain, last, known.next()).await? {
                    break;
                }
                lag.wait().await?;
            }
        }
        Ok(records)
    }

    /// The chain's messages from a seq on.
    pub(super) async fn page(&self, chain: Chain, from: Seq, batch: usize) -> Result<Page, ReadError> {
        let subject = self.namespace.chain(self.partitions, chain);
        let request = Request::From { next_by_subj: &subject, seq: from, batch };
        direct::get(&self.client, &self.stream(chain), &request).await
    }

    /// Whether the leader has a record of the chain after `last` and before `before`.
    pub(super) async fn lags(&self, chain: Chain, last: Seq, before: Seq) -> Result<bool, ReadError> {
        if !self.replicated {
            return Ok(false);
        }
        let next = self.next(chain, last).await?;
        Ok(next.is_some_and(|next| next.seq < before))
    }

    /// The chain's first record after `after`, when it has this id.
    pub(super) async fn first_after(&self, chain: Chain, after: Seq, id: EventId) -> Result<Option<Seq>, ReadError> {
        let next = self.next(chain, after).await?;
        Ok(next.filter(|next| next.has_id(id)).map(|next| next.seq))
    }

    /// Where a record of the chain stands, looked for from the newest back.
    pub(super) async fn find(&self, chain: Chain, id: EventId) -> Result<Option<Seq>, ReadError> {
        let mut before = Seq(u64::MAX);
        loop {
            let messages = self.messages_before(chain, before, PAGE).await?;
            let Some(oldest) = messages.first() else { return Ok(None) };
            before = oldest.seq;
            if let Some(found) = messages.iter().find(|message| message.has_id(id)) {
                return Ok(Some(found.seq));
            }
        }
    }

    pub(super) async fn heads(&self, room: RoomId, known: Seq) -> Result<Heads, ReadError> {
        let chains = Class::ALL.map(|class| Chain::Room(room, class));
        let subjects = chains.map(|chain| self.namespace.chain(self.partitions, chain));
        let request = Request::Last { multi_last: &subjects, up_to_seq: None, batch: subjects.len() };
        let page = direct::get(&self.client, &self.stream(chains[0]), &request).await?;
        let seqs: HashMap<&str, Seq> =
            page.messages.iter().filter_map(|message| Some((message.subject()?, message.seq))).collect();
        let mut heads = Heads::default();
        for (class, subject) in Class::ALL.into_iter().zip(&subjects) {
            *heads.of_mut(class) = seqs.get(subject.as_str()).copied().unwrap_or_default();
        }
        if !self.replicated || heads.last() >= known { Ok(heads) } else { self.leader_heads(room).await }
    }

    async fn leader_heads(&self, room: RoomId) -> Result<Heads, ReadError> {
        let last = async |class| {
            let chain = Chain::Room(room, class);
            let subject = self.namespace.chain(self.partitions, chain);
            let raw = api::get(&self.client, &self.stream(chain), Get::Last(&subject)).await?;
            Ok::<_, ReadError>(raw.map_or(Seq::ZERO, |raw| raw.seq))
        };
        let (ctl, msg, call) = tokio::try_join!(last(Class::Ctl), last(Class::Msg), last(Class::Call))?;
        Ok(Heads { ctl, msg, call })
    }

    pub(super) async fn tail(&self, partition: Partition) -> Result<Tail, ReadError> {
        let (stream, fence) = (self.namespace.log_stream(partition), self.namespace.fence(partition));
        let call = format!("STREAM.INFO.{stream}");
        let info = async { Ok(api::ask::<StreamInfo>(&self.client, &call, bytes::Bytes::new()).await?) };
        let marker = api::get(&self.client, &stream, Get::Last(&fence));
        let (info, marker) = tokio::try_join!(info, marker)?;
        let fence = marker.map_or(Seq::ZERO, |marker| marker.seq);
        Ok(Tail { last: fence.max(Seq(info.state.last_seq)), fence })
    }

    /// A leader that was replaced and does not know it yet has less than it should, so it is asked how far it is.
    pub(super) async fn nothing_left(&self, partition: Partition, after: Seq, until: Seq) -> Result<bool, ReadError> {
        if self.next_after(partition, after).await?.is_some_and(|next| next <= until) {
            return Ok(false);
        }
        let last = self.tail(partition).await?.last;
        if last >= until { Ok(true) } else { Err(ReadError::Unavailable(format!("its leader ends at {last}"))) }
    }

    /// The first record of a partition after `after`, as its leader has it.
    pub(super) async fn next_after(&self, partition: Partition, after: Seq) -> Result<Option<Seq>, ReadError> {
        let (stream, subjects) = (self.namespace.log_stream(partition), self.namespace.log_subjects(partition));
        let next = api::get(&self.client, &stream, Get::Next(&subjects, after.next())).await?;
        Ok(next.map(|next| next.seq))
    }

    pub(super) fn stream(&self, chain: Chain) -> String {
        self.namespace.log_stream(self.partitions.of(chain.owner()))
    }

    async fn next(&self, chain: Chain, after: Seq) -> Result<Option<Raw>, ReadError> {
        let subject = self.namespace.chain(self.partitions, chain);
        api::get(&self.client, &self.stream(chain), Get::Next(&subject, after.next())).await
    }
}

/// Waits for a replica to catch up, for a while.
#[derive(Default)]
pub(crate) struct Lag(Option<Instant>);

impl Lag {
    pub(crate) async fn wait(&mut self) -> Result<(), ReadError> {
        let since = *self.0.get_or_insert_with(Instant::now);
        if since.elapsed() > LAG_PATIENCE {
            return Err(ReadError::Unavailable("a replica lags behind the leader".to_owned()));
        }
        tokio::time::sleep(LAG_PAUSE).await;
        Ok(())
    }
}
