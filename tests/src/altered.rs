//! A log that keeps its promises, except where a test says otherwise.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use voxlog_core::{
    id::RoomId,
    log::{AppendError, Appended, Commit, Feed, Log, ReadError, Record, Stored, Tail},
    position::{Chain, Heads, Partition, Partitions, Seq},
};

/// What is different about a log. What is not spelled out is as in the log behind.
#[async_trait]
pub trait Alter: Debug + Send + Sync {
    /// The log behind.
    fn log(&self) -> &dyn Log;

    /// In place of [`Log::append`].
    async fn append(&self, record: Record, fence: Seq) -> Result<Appended, AppendError> {
        self.log().append(record, fence).await
    }

    /// In place of [`Log::commit`].
    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        self.log().commit(commit).await
    }

    /// In place of [`Log::read`].
    async fn read(&self, chain: Chain, after: Seq, limit: usize, known: Seq) -> Result<Vec<Stored>, ReadError> {
        self.log().read(chain, after, limit, known).await
    }

    /// In place of [`Log::heads`].
    async fn heads(&self, room: RoomId, known: Seq) -> Result<Heads, ReadError> {
        self.log().heads(room, known).await
    }
}

/// A log with something different about it.
#[derive(Debug)]
pub struct Altered<T>(pub T);

#[async_trait]
impl<T: Alter> Log for Altered<T> {
    fn partitions(&self) -> Partitions {
        self.0.log().partitions()
    }

    fn duplicate_window(&self) -> Duration {
        self.0.log().duplicate_window()
    }

    async fn append(&self, record: Record, fence: Seq) -> Result<Appended, AppendError> {
        self.0.append(record, fence).await
    }

    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        self.0.commit(commit).await
    }

    async fn read(&self, chain: Chain, after: Seq, limit: usize, known: Seq) -> Result<Vec<Stored>, ReadError> {
        self.0.read(chain, after, limit, known).await
    }

    async fn read_before(&self, chain: Chain, before: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        self.0.log().read_before(chain, before, limit).await
    }

    async fn heads(&self, room: RoomId, known: Seq) -> Result<Heads, ReadError> {
        self.0.heads(room, known).await
    }

    async fn tail(&self, partition: Partition) -> Result<Tail, ReadError> {
        self.0.log().tail(partition).await
    }

    async fn nothing_left(&self, partition: Partition, after: Seq, until: Seq) -> Result<bool, ReadError> {
        self.0.log().nothing_left(partition, after, until).await
    }

    async fn erase(&self, partition: Partition, seqs: &[Seq]) -> Result<(), ReadError> {
        self.0.log().erase(partition, seqs).await
    }

    fn follow(&self, partition: Partition, after: Seq) -> Feed {
        self.0.log().follow(partition, after)
    }
}
