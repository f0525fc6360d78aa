//! Appends and commits on their way to the server, tried until they have an outcome.

use async_nats::{Client, HeaderMap, header};

use super::{
    AppendError, Appended, Commit, Guard, Record, api,
    batch::{self, Message},
    fence::{Ack, Expected, Patience, Refusal, read_ack},
    read::Reader,
    subject::Namespace,
};
use crate::position::{Chain, Partition, Partitions, Seq};

/// What the server's limit of a message's size must leave for its subject and headers.
const HEADROOM: usize = 1024;

/// Publishes records under their guards.
#[derive(Debug, Clone)]
pub(super) struct Appender {
    pub(super) client: Client,
    pub(super) namespace: Namespace,
    pub(super) partitions: Partitions,
    pub(super) reader: Reader,
}

impl Appender {
    pub(super) fn partition(&self, chain: Chain) -> Partition {
        self.partitions.of(chain.owner())
    }

    /// Appends one record. Several may be in flight, also under the same fence, when the stream has one replica.
    pub(super) async fn append(&self, record: &Record, fence: Seq) -> Result<Appended, AppendError> {
        let mut patience = Patience::new();
        loop {
            match self.publish(record, fence).await {
                Ok(Ack { seq, duplicate }) => return Ok(Appended { seq, duplicate }),
                Err(refusal) => patience.wait(&refusal).await?,
            }
        }
    }

    /// Commits records with their marker.
    pub(super) async fn commit(&self, commit: &Commit) -> Result<Appended, AppendError> {
        let mut patience = Patience::new();
        loop {
            match self.try_commit(commit).await {
                Ok(appended) => return Ok(appended),
                Err(refusal) => patience.wait(&refusal).await?,
            }
        }
    }

    /// One try of a commit. When the server knows its ids, or its chain has moved, the log itself is asked whether an
    /// earlier try has landed.
    pub(super) async fn try_commit(&self, commit: &Commit) -> Result<Appended, Refusal> {
        match batch::publish(&self.client, self.messages(commit)).await {
            Ok(Ack { seq, duplicate: true }) => Ok(Appended { seq, duplicate: true }),
            Ok(Ack { seq, duplicate: false }) => {
                let behind = commit.records.len() + usize::from(commit.marker.is_some()) - 1;
                Ok(Appended { seq: Seq(seq.0 - behind as u64), duplicate: false })
            }
            Err(refusal @ (Refusal::Duplicate(_) | Refusal::Conflict(_))) => self.landed(commit, refusal).await,
            Err(refusal) => Err(refusal),
        }
    }

    /// Where an earlier try of this commit stands, or the refusal when it stands nowhere.
    async fn landed(&self, commit: &Commit, refusal: Refusal) -> Result<Appended, Refusal> {
        let first = &commit.records[0];
        let found = match (commit.guard, &refusal) {
            (_, Refusal::Duplicate(_)) => self.reader.find(first.chain, first.id).await,
            // Accepted under this guard, it can only be the chain's first record after it.
            (Guard::Chain(last), _) => self.reader.first_after(first.chain, last, first.id).await,
            (Guard::Fence(_), _) => return Err(refusal),
        };
        match (found, refusal) {
            (Ok(Some(seq)), _) => Ok(Appended { seq, duplicate: true }),
            (Ok(None), Refusal::Duplicate(what)) => {
                Err(Refusal::Never(format!("{what}, though its first record is not in the log")))
            }
            (Ok(None), refusal) => Err(refusal),
            (Err(error), _) => Err(Refusal::Unknown(error.to_string())),
        }
    }

    /// One try of one record under a fence.
    pub(super) async fn publish(&self, record: &Record, fence: Seq) -> Result<Ack, Refusal> {
        let message = self.message(record, Some(&self.fence(record.chain, fence)));
        read_ack(&api::send(&self.client, message.subject, Some(message.headers), message.payload).await?)
    }

    /// Asks a replicated stream, which looks at ids before guards, where a record stands: `None` when nowhere. The guard
    /// is one that never holds.
    pub(super) async fn probe(&self, record: &Record) -> Result<Option<Seq>, Refusal> {
        match self.publish(record, Seq::MAX).await {
            Ok(ack) => Ok(Some(ack.seq)),
            Err(Refusal::Conflict(_) | Refusal::Busy(_)) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// One try of records of one partition as one batch. Answers the first one's seq.
    pub(super) async fn publish_all(&self, records: &[&Record], fence: Seq) -> Result<Ack, Refusal> {
        let messages = records.iter().enumerate().map(|(index, record)| {
            let expected = (index == 0).then(|| self.fence(record.chain, fence));
            self.message(record, expected.as_ref())
        });
        let ack = batch::publish(&self.client, messages.collect()).await?;
        Ok(Ack { seq: Seq(ack.seq.0 - (records.len() as u64 - 1)), ..ack })
    }

    /// Refuses what the server would not take, before it spoils a batch.
    pub(super) fn check(&self, records: &[Record], marker: bool) -> Result<(), AppendError> {
        let limit = self.client.max_payload().saturating_sub(HEADROOM);
        let refused = |what: String| Err(AppendError::Refused(what));
        let Some(first) = records.first() else { return refused("a commit without records".to_owned()) };
        if records.len() + usize::from(marker) > batch::MAX_MESSAGES {
            return refused(format!("a commit of {} records, more than the server takes as one", records.len()));
        }
        if records.iter().any(|record| record.chain != first.chain) {
            return refused("a commit of more than one chain".to_owned());
        }
        match records.iter().map(|record| record.payload.len()).max() {
            Some(size) if size > limit => refused(format!("{size} bytes, and the server takes {limit}")),
            _ => Ok(()),
        }
    }

    fn messages(&self, commit: &Commit) -> Vec<Message> {
        let partition = self.partition(commit.records[0].chain);
        let expected = self.expected(commit.records[0].chain, commit.guard);
        let records = commit.records.iter().enumerate();
        let records = records.map(|(index, record)| self.message(record, (index == 0).then_some(&expected)));
        let marker = commit.marker.map(|room| Message {
            subject: self.namespace.fence(partition),
            headers: HeaderMap::new(),
            payload: room.to_string().into(),
        });
        records.chain(marker).collect()
    }

    fn message(&self, record: &Record, expected: Option<&Expected>) -> Message {
        let mut headers = HeaderMap::new();
        headers.insert(header::NATS_MESSAGE_ID, record.id.to_string());
        if let Some(expected) = expected {
            expected.write(&mut headers);
        }
        if let Some(ttl) = record.ttl {
            headers.insert(header::NATS_MESSAGE_TTL, format!("{}s", ttl.as_secs().max(1)));
        }
        let subject = self.namespace.chain(self.partitions, record.chain);
        Message { subject, headers, payload: record.payload.clone() }
    }

    fn expected(&self, chain: Chain, guard: Guard) -> Expected {
        match guard {
            Guard::Chain(last) => Expected { subject: self.namespace.chain(self.partitions, chain), last },
            Guard::Fence(fence) => self.fence(chain, fence),
        }
    }

    fn fence(&self, chain: Chain, last: Seq) -> Expected {
        Expected { subject: self.namespace.fence(self.partition(chain)), last }
    }
}
