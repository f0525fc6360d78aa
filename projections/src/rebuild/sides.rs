//! The two sides of a rebuild, brought to the same point of the log.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::timeout;
use voxlog_core::{
    log::{Log, Stored},
    position::{Partition, Seq},
};

use super::{Progress, RebuildError};
use crate::{ReadModel, batch, checkpoint};

/// The most records in one transaction: nobody reads these tables yet, so there is only memory to be spared.
const BATCH: usize = 5000;

/// Partitions filled at once. Applying is PostgreSQL's work, and a few keep it busy.
const PARALLEL: usize = 4;

/// A feed that is silent for so long may have nothing left below the log's end: what stood there has outlived its time
/// to live. Then the log is asked.
const QUIET: Duration = Duration::from_millis(500);

/// Whoever is told of the progress.
pub(super) type Watcher<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// The live tables and those that may take their place.
pub(super) struct Sides<'a> {
    pub(super) log: Arc<dyn Log>,
    pub(super) live: ReadModel,
    pub(super) next: ReadModel,
    pub(super) progress: Watcher<'a>,
}

impl fmt::Debug for Sides<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sides").field("live", &self.live).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Sides<'_> {
    /// Fills the next tables with everything up to the log's end, then with what came meanwhile. The live ones are
    /// brought as far too: there may be no projector, and only equal checkpoints can be compared.
    pub(super) async fn fill(&self) -> Result<(), RebuildError> {
        for _ in 0..2 {
            let work = async |partition| {
                let tail = self.log.tail(partition).await?.last;
                self.advance(&self.next, partition, tail).await
            };
            self.partitions().try_for_each_concurrent(PARALLEL, work).await?;
        }
        let work = async |partition| {
            let reached = self.next.checkpoint(partition).await?;
            self.advance(&self.live, partition, reached).await
        };
        self.partitions().try_for_each_concurrent(PARALLEL, work).await
    }

    /// Brings the next tables to the checkpoints of the live ones, which stand still. Where the log has lost its end,
    /// there is nothing to reach beyond it.
    pub(super) async fn level(&self) -> Result<(), RebuildError> {
        let work = async |partition| {
            let tail = self.log.tail(partition).await?.last;
            let live = self.live.checkpoint(partition).await?;
            self.advance(&self.next, partition, live.min(tail)).await
        };
        self.partitions().try_for_each_concurrent(PARALLEL, work).await
    }

    fn partitions(
        &self,
    ) -> impl stream::TryStream<Ok = Partition, Error = RebuildError, Item = Result<Partition, RebuildError>> {
        stream::iter(self.log.partitions().all().map(Ok))
    }

    /// Applies a partition up to `until`, where it is not that far yet. Beside projectors on the same tables, each
    /// batch is applied by one of them.
    async fn advance(&self, db: &ReadModel, partition: Partition, until: Seq) -> Result<(), RebuildError> {
        let mut connection = db.pool().acquire().await?;
        checkpoint::ensure(&mut connection, partition).await?;
        let mut at = checkpoint::load(&mut connection, partition).await?;
        drop(connection);
        let mut feed = self.log.follow(partition, at).ready_chunks(BATCH);
        while at < until {
            let Ok(chunk) = timeout(QUIET, feed.next()).await else {
                if self.log.nothing_left(partition, at, until).await? {
                    at = batch::apply(db, partition, (at, until), Vec::new()).await?.at;
                }
                continue;
            };
            let chunk = chunk.ok_or(RebuildError::Ended(partition))?;
            let mut records = chunk.into_iter().collect::<Result<Vec<Stored>, _>>()?;
            let Some(last) = records.last().map(|record| record.seq.min(until)) else { continue };
            records.retain(|record| record.seq <= until);
            at = batch::apply(db, partition, (at, last), records).await?.at;
            (self.progress)(Progress { partition, at, tail: until });
        }
        Ok(())
    }
}
