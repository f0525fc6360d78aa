//! The log on NATS `JetStream`.

use std::time::Duration;

use async_nats::Client;
use async_trait::async_trait;

use super::{
    AppendError, Appended, Commit, Feed, Log, ReadError, Record, Stored, Tail,
    append::Appender,
    erase, follow,
    group::Queue,
    read::Reader,
    streams::{self, LogConfig, OpenError},
};
use crate::{
    id::RoomId,
    position::{Chain, Heads, Partition, Partitions, Seq},
};

/// The log of an installation. Streams with one replica take any number of appends at once; those with more take one
/// batch at a time from each node.
#[derive(Debug)]
pub struct NatsLog {
    appender: Appender,
    reader: Reader,
    duplicate_window: Duration,
    /// One for each partition; empty when the streams have one replica.
    queues: Vec<Queue>,
}

impl NatsLog {
    /// Makes the log's streams where they are missing, and refuses those that are not what they must be.
    pub async fn open(client: Client, config: LogConfig) -> Result<Self, OpenError> {
        streams::bootstrap(&client, &config).await?;
        let LogConfig { namespace, partitions, replicas, duplicate_window } = config;
        let replicated = replicas > 1;
        let reader = Reader { client: client.clone(), namespace: namespace.clone(), partitions, replicated };
        let appender = Appender { client, namespace, partitions, reader: reader.clone() };
        let committers = if replicated { partitions.count() } else { 0 };
        let queues = (0..committers).map(|_| Queue::start(appender.clone())).collect();
        Ok(Self { appender, reader, duplicate_window, queues })
    }

    fn queue(&self, chain: Chain) -> Option<&Queue> {
        self.queues.get(usize::from(self.appender.partition(chain).0))
    }
}

#[async_trait]
impl Log for NatsLog {
    fn partitions(&self) -> Partitions {
        self.appender.partitions
    }

    fn duplicate_window(&self) -> Duration {
        self.duplicate_window
    }

    async fn append(&self, record: Record, fence: Seq) -> Result<Appended, AppendError> {
        self.appender.check(std::slice::from_ref(&record), false)?;
        match self.queue(record.chain) {
            Some(queue) => queue.append(record, fence).await,
            None => self.appender.append(&record, fence).await,
        }
    }

    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        self.appender.check(&commit.records, commit.marker.is_some())?;
        match self.queue(commit.records[0].chain) {
            Some(queue) => queue.commit(commit).await,
            None => self.appender.commit(&commit).await,
        }
    }

    async fn read(&self, chain: Chain, after: Seq, limit: usize, known: Seq) -> Result<Vec<Stored>, ReadError> {
        self.reader.read(chain, after, limit, known).await
    }

    async fn read_before(&self, chain: Chain, before: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.reader.read_before(chain, before, limit).await
    }

    async fn heads(&self, room: RoomId, known: Seq) -> Result<Heads, ReadError> {
        self.reader.heads(room, known).await
    }

    async fn tail(&self, partition: Partition) -> Result<Tail, ReadError> {
        self.reader.tail(partition).await
    }

    async fn nothing_left(&self, partition: Partition, after: Seq, until: Seq) -> Result<bool, ReadError> {
        self.reader.nothing_left(partition, after, until).await
    }

    async fn erase(&self, partition: Partition, seqs: &[Seq]) -> Result<(), ReadError> {
        erase::erase(&self.reader.client, &self.reader.namespace.log_stream(partition), seqs).await
    }

    fn follow(&self, partition: Partition, after: Seq) -> Feed {
        follow::feed(self.reader.clone(), partition, after)
    }
}
