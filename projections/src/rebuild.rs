//! The read models made again from the log, beside the live ones, and put in their place.
//!
//! Readers notice nothing, and live projectors are stopped for two moments only: once to bring both sides to the same
//! checkpoints, whose snapshots are then compared at leisure, and once to swap. What the log says is right, so a
//! rebuilt schema that differs is told loudly and swapped in all the same.

use std::sync::Arc;

use futures_util::future;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, Executor, PgConnection, migrate::MigrateError, postgres::PgConnectOptions};
use voxlog_core::{
    log::{Log, ReadError},
    position::{Partition, Seq},
};

use crate::{
    ReadModel,
    digest::{Digest, Snapshot, TableDigest},
    last_seen, read_model,
    schema::{self, SCHEMA_LOCK, Schema},
};

mod sides;

use sides::{Sides, Watcher};

/// Held by a rebuild, with the schema's name as the second half. The number is "vox" in ASCII.
const REBUILD_LOCK: i32 = 0x0076_6f78;

/// What to do with the rebuilt tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "RebuildMode")]
pub enum Mode {
    /// Compare them with the live ones, then put them in their place.
    Swap,
    /// Compare only, and drop them.
    Check,
}

/// How far a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "RebuildProgress")]
pub struct Progress {
    /// Which.
    pub partition: Partition,
    /// What has been applied.
    pub at: Seq,
    /// The end as far as it is known.
    pub tail: Seq,
}

/// A table, live and rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// As it was.
    pub live: TableDigest,
    /// As the log says.
    pub rebuilt: TableDigest,
    /// Whether they say the same.
    pub equal: bool,
}

/// What came of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RebuildReport")]
pub struct Report {
    /// Table by table.
    pub tables: Vec<Compared>,
    /// Whether the live tables said what the log says, at the same checkpoints.
    pub equal: bool,
    /// Whether the rebuilt ones are live now.
    pub swapped: bool,
}

/// Why there was no rebuild. The live tables are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Another one is under way on the same schema.
    #[error("another rebuild is under way")]
    Busy,
    /// PostgreSQL failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables could not be made.
    #[error("the tables could not be made: {0}")]
    Migrate(#[from] MigrateError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log's feed of a partition ended.
    #[error("the log's feed of partition {0} ended")]
    Ended(Partition),
}

/// Rebuilds the read models of `schema` in the database at `url` from `log`. Projectors and readers may go on, and a
/// rebuild that dies leaves the live tables as they are; what it leaves behind is dropped by the next one.
pub async fn rebuild(
    log: Arc<dyn Log>,
    url: &str,
    schema: &str,
    mode: Mode,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Report, RebuildError> {
    rebuild_of(log, &ReadModel::connect(url, schema)?, mode, progress).await
}

/// The same of read models that somebody is connected to. Whoever reads them through `live` goes on with the new tables.
pub async fn rebuild_of(
    log: Arc<dyn Log>,
    live: &ReadModel,
    mode: Mode,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Report, RebuildError> {
    let mut rebuild = Rebuild::begin(log, live, &progress).await?;
    rebuild.sides.fill().await?;
    let mut report = rebuild.compare().await?;
    if mode == Mode::Swap {
        rebuild.swap().await?;
        report.swapped = true;
    }
    rebuild.end().await?;
    Ok(report)
}

struct Rebuild<'a> {
    sides: Sides<'a>,
    name: Schema,
    /// Holds the lock that keeps other rebuilds away, and swaps: without the lock there is no swap.
    guard: PgConnection,
}

impl<'a> Rebuild<'a> {
    async fn begin(log: Arc<dyn Log>, live: &ReadModel, progress: Watcher<'a>) -> Result<Self, RebuildError> {
        let (live_options, name) = (live.options().clone(), live.schema().clone());
        let mut guard = PgConnection::connect_with(&live_options).await?;
        lock_out_others(&mut guard, &name).await?;
        let live = ReadModel::open(live_options.clone(), name.clone());
        live.migrate().await?;
        let fresh = name.beside("next");
        schema::drop_schema(&mut guard, &fresh).await?;
        schema::drop_schema(&mut guard, &name.beside("old")).await?;
        let next = ReadModel::open(hasty(read_model::within(live_options, &fresh)), fresh);
        next.migrate().await?;
        Ok(Self { sides: Sides { log, live, next, progress }, name, guard })
    }

    async fn compare(&mut self) -> Result<Report, RebuildError> {
        let mut standstill = PgConnection::begin(&mut self.guard).await?;
        stop_projectors(&mut standstill).await?;
        self.sides.level().await?;
        let (live, next) = (Snapshot::take(&self.sides.live).await?, Snapshot::take(&self.sides.next).await?);
        standstill.rollback().await?;
        let (live, next) = future::try_join(live.digest(), next.digest()).await?;
        Ok(Report::of(live, next))
    }

    /// The old tables are dropped only later, in `end`: dropping waits for whoever still reads them, and the swap must
    /// not wait for that.
    async fn swap(&mut self) -> Result<(), RebuildError> {
        let mut standstill = PgConnection::begin(&mut self.guard).await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SCHEMA_LOCK).execute(&mut *standstill).await?;
        stop_projectors(&mut standstill).await?;
        self.sides.level().await?;
        last_seen::carry_over(&mut standstill, &self.name, &self.name.beside("next")).await?;
        schema::rename_schema(&mut standstill, &self.name, &self.name.beside("old")).await?;
        schema::rename_schema(&mut standstill, &self.name.beside("next"), &self.name).await?;
        standstill.commit().await?;
        Ok(())
    }

    async fn end(mut self) -> Result<(), RebuildError> {
        self.sides.next.close().await;
        self.sides.live.close().await;
        for stale in ["next", "old"] {
            schema::drop_schema(&mut self.guard, &self.name.beside(stale)).await?;
        }
        // Closing does not wait for the server's end of the connection, and the next rebuild may come at once.
        sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut self.guard).await?;
        self.guard.close().await?;
        Ok(())
    }
}

impl Report {
    fn of(live: Digest, rebuilt: Digest) -> Self {
        let same_point = live.checkpoints == rebuilt.checkpoints;
        let tables = live.tables.into_iter().zip(rebuilt.tables);
        let tables: Vec<_> = tables.map(|(live, rebuilt)| Compared { equal: live == rebuilt, live, rebuilt }).collect();
        let equal = same_point && tables.iter().all(|it| it.equal);
        if !equal {
            let differ: Vec<_> = tables.iter().filter(|it| !it.equal).map(|it| it.live.table).collect();
            tracing::error!(?differ, same_point, "the live read models are not what the log says");
        }
        Self { tables, equal, swapped: false }
    }
}

/// For as long as the connection lives.
async fn lock_out_others(guard: &mut PgConnection, name: &Schema) -> Result<(), RebuildError> {
    let lock = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, hashtext($2))");
    let locked: bool = lock.bind(REBUILD_LOCK).bind(name.as_str()).fetch_one(guard).await?;
    if locked { Ok(()) } else { Err(RebuildError::Busy) }
}

/// Until the transaction ends, nobody locks a checkpoint, which every writer does first; everybody may read. Waits for
/// the writers that are at it. A writer that waits here meanwhile finds the tables that then bear the name: PostgreSQL
/// looks a name up again when it has waited for its lock.
async fn stop_projectors(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    tx.execute("LOCK TABLE checkpoints IN EXCLUSIVE MODE").await?;
    Ok(())
}

/// Commits need not wait for the disk: the swap's does, and it comes after them.
fn hasty(options: PgConnectOptions) -> PgConnectOptions {
    options.options([("synchronous_commit", "off")])
}
