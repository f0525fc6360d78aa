//! Everything that a user wrote, found and taken out of the log.
//!
//! Where they wrote is known to the read models alone, and those may be behind, or hold what is parked. So the log itself
//! is looked through, from its first record: some hundred thousand records a second, for each who is erased.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;
use voxlog_core::{
    erasure,
    log::ReadError,
    position::{Partition, Seq},
};

use super::{Eraser, Undone};
use crate::identity::erasing::Task;

/// Records between two notes of how far it is.
const CHUNK: usize = 5000;

/// A feed that is silent for so long may have nothing left below the log's end: then the log is asked.
const QUIET: Duration = Duration::from_millis(500);

impl Eraser {
    /// Takes out what the log has of them now.
    pub(super) async fn delete(&self, task: &Task) -> Result<(), Undone> {
        for partition in self.log.partitions().all() {
            let until = self.log.tail(partition).await?.last;
            let at = task.scanned.get(&partition).copied().unwrap_or_default();
            self.delete_from(task, partition, at, until).await?;
        }
        Ok(())
    }

    async fn delete_from(&self, task: &Task, partition: Partition, mut at: Seq, until: Seq) -> Result<(), Undone> {
        let mut feed = self.log.follow(partition, at).ready_chunks(CHUNK);
        while at < until {
            let Ok(chunk) = timeout(QUIET, feed.next()).await else {
                if self.log.nothing_left(partition, at, until).await? {
                    return Ok(());
                }
                continue;
            };
            let ended = || ReadError::Unavailable("the feed ended".to_owned());
            let records = chunk.ok_or_else(ended)?.into_iter().collect::<Result<Vec<_>, _>>()?;
            let theirs = records.iter().filter(|record| erasure::is_of(task.user, &record.payload));
            let theirs: Vec<Seq> = theirs.map(|record| record.seq).collect();
            self.log.erase(partition, &theirs).await?;
            at = records.last().map_or(at, |last| last.seq);
            self.identity.has_scanned(task.user, partition, at).await?;
        }
        Ok(())
    }
}
