//! Events that could not be applied: kept with their error, visible, and tried again in their order.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;
use voxlog_core::{
    clock::Time,
    envelope::Header,
    id::{RoomId, UserId},
    log::Stored,
    position::{Chain, Class, Partition, Position, Seq},
};

use crate::{Page, ReadModel, batch, checkpoint, columns, erasure, page::one_more};

/// How many events of one owner are tried in one transaction.
const RETRY_BATCH: i64 = 500;

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ParkedEvent")]
pub struct Parked {
    /// Where it stands in the log.
    pub partition: Partition,
    /// Where it stands in the log.
    pub seq: Seq,
    /// The id of the room, or of the user, whose later events wait behind it.
    pub owner: Uuid,
    /// Its type, `unknown` when not even that can be read.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why it was not applied.
    pub error: String,
    /// How often that was tried.
    pub attempts: i32,
    /// Since when it waits.
    pub parked_at: Time,
}

/// What came of trying parked events again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retried {
    /// Events that are applied now.
    pub applied: u64,
    /// Owners whose first event failed again.
    pub stuck: u64,
}

/// Parked events, by partition and seq.
pub async fn parked(db: &ReadModel, limit: usize) -> Result<Vec<Parked>, sqlx::Error> {
    let select = "SELECT partition, seq, owner, type, error, attempts, parked_at FROM parked_events
         ORDER BY partition, seq LIMIT $1";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sqlx::query(select).bind(limit).fetch_all(db.pool()).await?;
    rows.iter().map(read).collect()
}

/// A page of them: those after a position.
pub async fn parked_after(db: &ReadModel, after: Option<Position>, limit: usize) -> Result<Page<Parked>, sqlx::Error> {
    let select = "SELECT partition, seq, owner, type, error, attempts, parked_at FROM parked_events
         WHERE (partition, seq) > ($1, $2) ORDER BY partition, seq LIMIT $3";
    let (partition, seq) = after.map_or((-1, 0), |it| (columns::integer(it.partition), columns::bigint(it.seq)));
    let query = sqlx::query(select).bind(partition).bind(seq).bind(one_more(limit));
    let rows = query.fetch_all(db.pool()).await?;
    let events = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(events, limit, |it| Position { partition: it.partition, seq: it.seq }.to_string()))
}

/// How many events of a partition are parked.
pub async fn count(db: &ReadModel, partition: Partition) -> Result<i64, sqlx::Error> {
    let select = "SELECT count(*) FROM parked_events WHERE partition = $1";
    sqlx::query_scalar(select).bind(columns::integer(partition)).fetch_one(db.pool()).await
}

/// How many events are parked, by partition; those without any are left out.
pub async fn counts(db: &ReadModel) -> Result<HashMap<Partition, i64>, sqlx::Error> {
    let select = "SELECT partition, count(*) FROM parked_events GROUP BY partition";
    let rows: Vec<(i32, i64)> = sqlx::query_as(select).fetch_all(db.pool()).await?;
    let counted = |(partition, count)| Ok((columns::partition(partition)?, count));
    rows.into_iter().map(counted).collect()
}

/// Tries the parked events again, of one owner or of all, each owner's in their order up to the first that fails. May
/// run beside projectors.
pub async fn retry_parked(db: &ReadModel, owner: Option<Uuid>) -> Result<Retried, sqlx::Error> {
    let select = "SELECT DISTINCT partition, owner FROM parked_events WHERE $1::uuid IS NULL OR owner = $1";
    let rows: Vec<(i32, Uuid)> = sqlx::query_as(select).bind(owner).fetch_all(db.pool()).await?;
    let mut total = Retried::default();
    for (partition, owner) in rows {
        let partition = columns::partition(partition)?;
        loop {
            let step = retry_some(db, partition, owner).await?;
            total.applied += step.applied;
            total.stuck += u64::from(step.stuck);
            if step.stuck || !step.more {
                break;
            }
        }
    }
    Ok(total)
}

struct Step {
    applied: u64,
    stuck: bool,
    more: bool,
}

/// A parked event as it was in the log.
struct Waiting {
    seq: Seq,
    chain: Chain,
    payload: Vec<u8>,
}

impl Waiting {
    fn read(row: &PgRow, owner: Uuid) -> Result<Self, sqlx::Error> {
        let chain = chain(owner, row.try_get("class")?);
        Ok(Self { seq: columns::seq(row, "seq")?, chain, payload: row.try_get("payload")? })
    }
}

impl erasure::Record for Waiting {
    fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Holds the checkpoint's lock, so that no projector parks or applies an event of this owner meanwhile.
async fn retry_some(db: &ReadModel, partition: Partition, owner: Uuid) -> Result<Step, sqlx::Error> {
    let mut tx = db.pool().begin().await?;
    checkpoint::lock(&mut tx, partition).await?;
    let select = "SELECT seq, class, payload FROM parked_events WHERE partition = $1 AND owner = $2
         ORDER BY seq LIMIT $3";
    let query = sqlx::query(select).bind(columns::integer(partition)).bind(owner).bind(RETRY_BATCH);
    let rows = query.fetch_all(&mut *tx).await?;
    let waiting = rows.iter().map(|row| Waiting::read(row, owner)).collect::<Result<Vec<_>, _>>()?;
    let counting: HashSet<Seq> = erasure::those_that_count(&mut tx, &waiting).await?.iter().map(|it| it.seq).collect();
    let mut done = Vec::new();
    let mut stuck = false;
    for event in &waiting {
        let tried = if counting.contains(&event.seq) { retry_one(&mut tx, partition, event).await? } else { Ok(()) };
        if let Err(error) = tried {
            record_attempt(&mut tx, partition, event.seq, &error).await?;
            stuck = true;
            break;
        }
        done.push(columns::bigint(event.seq));
    }
    let applied = done.len() as u64;
    let delete = "DELETE FROM parked_events WHERE partition = $1 AND seq = ANY($2)";
    sqlx::query(delete).bind(columns::integer(partition)).bind(done).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(Step { applied, stuck, more: rows.len() as u64 == RETRY_BATCH.unsigned_abs() })
}

/// The inner error is the event's own.
async fn retry_one(
    tx: &mut PgConnection,
    partition: Partition,
    Waiting { seq, chain, payload }: &Waiting,
) -> Result<Result<(), String>, sqlx::Error> {
    let event = match batch::decode(partition, *seq, *chain, payload) {
        Ok(event) => event,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let tried = batch::try_apply(tx, &[&event]).await?;
    Ok(tried.map_err(|error| error.to_string()))
}

async fn record_attempt(tx: &mut PgConnection, partition: Partition, seq: Seq, error: &str) -> Result<(), sqlx::Error> {
    let update = "UPDATE parked_events SET attempts = attempts + 1, error = $3 WHERE partition = $1 AND seq = $2";
    let query = sqlx::query(update).bind(columns::integer(partition)).bind(columns::bigint(seq));
    query.bind(columns::text(error)).execute(tx).await?;
    Ok(())
}

/// The owners that have parked events in a partition, and the first one's seq.
pub(crate) async fn owners(tx: &mut PgConnection, partition: Partition) -> Result<HashMap<Uuid, Seq>, sqlx::Error> {
    let select = "SELECT owner, min(seq) AS seq FROM parked_events WHERE partition = $1 GROUP BY owner";
    let rows = sqlx::query(select).bind(columns::integer(partition)).fetch_all(tx).await?;
    rows.iter().map(|row| Ok((row.try_get("owner")?, columns::seq(row, "seq")?))).collect()
}

/// Keeps an event for later.
pub(crate) async fn park(
    tx: &mut PgConnection,
    partition: Partition,
    record: &Stored,
    chain: Chain,
    error: &str,
) -> Result<(), sqlx::Error> {
    tracing::warn!(%partition, stream.seq = record.seq.0, owner = %chain.owner(), error, "event parked");
    let kind = Header::read(&record.payload).map_or("unknown".into(), |header| header.kind);
    let insert = "INSERT INTO parked_events (partition, seq, owner, class, type, error, payload, stored_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(insert)
        .bind(columns::integer(partition))
        .bind(columns::bigint(record.seq))
        .bind(chain.owner())
        .bind(class(chain))
        .bind(columns::text(&kind))
        .bind(columns::text(error))
        .bind(record.payload.as_ref())
        .bind(record.time)
        .execute(tx)
        .await?;
    Ok(())
}

/// What tells the chains of one owner apart.
const fn class(chain: Chain) -> &'static str {
    match chain {
        Chain::Room(_, class) => class.as_str(),
        Chain::User(_) => "user",
    }
}

/// The chain that [`class`] tells.
fn chain(owner: Uuid, class: &str) -> Chain {
    match Class::ALL.into_iter().find(|it| it.as_str() == class) {
        Some(class) => Chain::Room(RoomId::from_uuid(owner), class),
        None => Chain::User(UserId::from_uuid(owner)),
    }
}

fn read(row: &PgRow) -> Result<Parked, sqlx::Error> {
    Ok(Parked {
        partition: columns::partition(row.try_get("partition")?)?,
        seq: columns::seq(row, "seq")?,
        owner: row.try_get("owner")?,
        kind: row.try_get("type")?,
        error: row.try_get("error")?,
        attempts: row.try_get("attempts")?,
        parked_at: row.try_get("parked_at")?,
    })
}
