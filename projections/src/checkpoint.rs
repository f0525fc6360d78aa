//! Up to where the read models have the log.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use sqlx::{PgConnection, Row};
use tokio::time::{sleep, timeout};
use voxlog_core::position::{Partition, Position, Seq};

use crate::{ReadModel, columns};

/// How often a node asks PostgreSQL for the checkpoints while any of its readers waits.
const POLL: Duration = Duration::from_millis(10);

/// Why a read model could not be had at a position.
#[derive(Debug, thiserror::Error)]
pub enum Lagging {
    /// It is not there yet.
    #[error("the read model of partition {} stands at {at}, not yet at {}", .wanted.partition, .wanted.seq)]
    Behind {
        /// What was asked for.
        wanted: Position,
        /// Where it stands.
        at: Seq,
    },
    /// PostgreSQL does not answer, or not in time.
    #[error("the read model does not answer: {0}")]
    Away(#[from] sqlx::Error),
}

/// The checkpoints as this node last saw them, so that any number of waiting readers costs one query per [`POLL`].
#[derive(Debug, Default)]
pub(crate) struct Positions {
    seen: Mutex<Seen>,
    /// Held by the one who asks.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Seen {
    at: Option<Instant>,
    checkpoints: HashMap<Partition, Seq>,
}

impl ReadModel {
    /// The checkpoint of a partition; 0 when nothing has been applied.
    pub async fn checkpoint(&self, partition: Partition) -> Result<Seq, sqlx::Error> {
        load(&mut *self.pool().acquire().await?, partition).await
    }

    /// Every checkpoint, by partition.
    pub async fn checkpoints(&self) -> Result<Vec<Position>, sqlx::Error> {
        all(&mut *self.pool().acquire().await?).await
    }

    /// Waits until the read model has what stands at `position`, but not longer than `patience`, though PostgreSQL may
    /// hang. So a writer that hands in the position of its write reads it back, on any node. Checkpoints never go back:
    /// one that was seen beyond answers without asking PostgreSQL.
    pub async fn wait_for(&self, position: Position, patience: Duration) -> Result<(), Lagging> {
        if self.positions.seen(position.partition) >= position.seq {
            return Ok(());
        }
        let mut answer = None;
        let reach = async {
            loop {
                let at = self.positions.read(self, position.partition).await?;
                if at >= position.seq {
                    return Ok(());
                }
                answer = Some(at);
                sleep(POLL).await;
            }
        };
        match (timeout(patience, reach).await, answer) {
            (Ok(reached), _) => reached,
            (Err(_), Some(at)) => Err(Lagging::Behind { wanted: position, at }),
            (Err(_), None) => Err(Lagging::Away(sqlx::Error::PoolTimedOut)),
        }
    }
}

impl Positions {
    fn seen(&self, partition: Partition) -> Seq {
        self.lock().checkpoints.get(&partition).copied().unwrap_or_default()
    }

    /// The checkpoint of a partition as of less than [`POLL`] ago. Readers that come together share one query.
    async fn read(&self, db: &ReadModel, partition: Partition) -> Result<Seq, sqlx::Error> {
        let _turn = self.turn.lock().await;
        if self.lock().at.is_none_or(|at| at.elapsed() >= POLL) {
            let checkpoints = db.checkpoints().await?;
            let checkpoints = checkpoints.into_iter().map(|it| (it.partition, it.seq)).collect();
            *self.lock() = Seen { at: Some(Instant::now()), checkpoints };
        }
        Ok(self.seen(partition))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("the lock is held for one assignment")
    }
}

/// The checkpoint of a partition; 0 when it has none.
pub(crate) async fn load(connection: &mut PgConnection, partition: Partition) -> Result<Seq, sqlx::Error> {
    let select = sqlx::query("SELECT seq FROM checkpoints WHERE partition = $1").bind(columns::integer(partition));
    let row = select.fetch_optional(connection).await?;
    row.map_or(Ok(Seq::ZERO), |row| columns::seq(&row, "seq"))
}

/// Every checkpoint, by partition.
pub(crate) async fn all(connection: &mut PgConnection) -> Result<Vec<Position>, sqlx::Error> {
    let select = "SELECT partition, seq FROM checkpoints ORDER BY partition";
    let rows = sqlx::query(select).fetch_all(connection).await?;
    let position = |row| {
        let partition = columns::partition(Row::try_get(row, "partition")?)?;
        Ok(Position { partition, seq: columns::seq(row, "seq")? })
    };
    rows.iter().map(position).collect()
}

/// Makes the row that [`lock`] locks.
pub(crate) async fn ensure(connection: &mut PgConnection, partition: Partition) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO checkpoints (partition, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING";
    sqlx::query(insert).bind(columns::integer(partition)).execute(connection).await?;
    Ok(())
}

/// The checkpoint, which nobody else moves until this transaction ends; `None` when it has no row.
pub(crate) async fn lock(tx: &mut PgConnection, partition: Partition) -> Result<Option<Seq>, sqlx::Error> {
    let select = "SELECT seq FROM checkpoints WHERE partition = $1 FOR UPDATE";
    let row = sqlx::query(select).bind(columns::integer(partition)).fetch_optional(tx).await?;
    row.map(|row| columns::seq(&row, "seq")).transpose()
}

/// Moves the checkpoint from `from` to `to`; false when it does not stand at `from`, and then the transaction must not
/// be committed. The lock alone should see to that. This second look also holds where a rebuild has put other tables
/// under the same names between two statements of one transaction.
pub(crate) async fn save(tx: &mut PgConnection, partition: Partition, from: Seq, to: Seq) -> Result<bool, sqlx::Error> {
    let update = "UPDATE checkpoints SET seq = $3, applied_at = now() WHERE partition = $1 AND seq = $2";
    let query = sqlx::query(update).bind(columns::integer(partition));
    let done = query.bind(columns::bigint(from)).bind(columns::bigint(to)).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}
