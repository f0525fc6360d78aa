//! What the read models say, as a number per table: equal content has equal digests, whatever the order in which it
//! was written. Columns that tell of the writing itself (when a row was applied, how often it was tried) don't count.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use voxlog_core::position::Position;

use crate::{ReadModel, checkpoint};

/// A table, the columns that count, and which rows do. Messages that were not recorded leave the log by themselves, so
/// a rebuild may not find them.
const TABLES: [(&str, &str, &str); 16] = [
    ("users", "id, username, name_key, display_name, avatar_url, guest, registered_at, terms", "true"),
    (
        "rooms",
        "id, code, name, description, owner_id, max_users, settings, is_public, records, created_at, updated_at, \
         archived_at, seq",
        "true",
    ),
    ("erased_users", "id, erased_at", "true"),
    ("members", "room_id, user_id, role, joined_at, seq", "true"),
    ("mutes", "room_id, user_id, until, reason, actor_id, muted_at", "true"),
    ("bans", "room_id, user_id, until, reason, actor_id, banned_at, seq", "true"),
    ("requests", "room_id, user_id, role, requested_at, seq", "true"),
    ("invites", "room_id, id, max_uses, uses, expires_at, creator_id, created_at, seq", "true"),
    (
        "messages",
        "room_id, id, seq, author_id, content, kind, reply_to, thread_root, posted_at, edited_at, deleted_at, terms",
        "recorded",
    ),
    ("mentions", "room_id, message_id, user_id, place, seq", "true"),
    ("reactions", "room_id, message_id, emoji, user_id, seq, added_at", "true"),
    ("pins", "room_id, message_id, actor_id, seq, pinned_at", "true"),
    ("markers", "user_id, room_id, seq", "true"),
    ("calls", "room_id, seq, id, started_by, started_at, seats, ended_at", "true"),
    ("call_stays", "room_id, call_seq, seq, session, user_id, joined_at, left_at", "true"),
    ("parked_events", "partition, seq, owner, class, payload", "true"),
];

/// A table's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableDigest {
    /// Which table.
    pub table: &'static str,
    /// How many rows count.
    pub rows: i64,
    /// The sum of the rows' hashes: 64 bits of each row's MD5, as a decimal number.
    pub sum: String,
}

/// The content of all read models at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// Up to where the log had been applied. Digests can be compared only where these are equal.
    #[serde(serialize_with = "as_texts")]
    pub checkpoints: Vec<Position>,
    /// Table by table.
    pub tables: Vec<TableDigest>,
}

/// The digest of the read models as of now, projectors or not.
pub async fn digest(db: &ReadModel) -> Result<Digest, sqlx::Error> {
    Snapshot::take(db).await?.digest().await
}

/// The read models as they stood when it was taken.
pub(crate) struct Snapshot {
    tx: Transaction<'static, Postgres>,
    checkpoints: Vec<Position>,
}

impl Snapshot {
    pub(crate) async fn take(db: &ReadModel) -> Result<Self, sqlx::Error> {
        let mut tx = db.pool().begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
        let checkpoints = checkpoint::all(&mut tx).await?;
        Ok(Self { tx, checkpoints })
    }

    pub(crate) async fn digest(mut self) -> Result<Digest, sqlx::Error> {
        let mut tables = Vec::with_capacity(TABLES.len());
        for (table, columns, counts) in TABLES {
            tables.push(of_table(&mut self.tx, table, columns, counts).await?);
        }
        self.tx.rollback().await?;
        Ok(Digest { checkpoints: self.checkpoints, tables })
    }
}

async fn of_table(
    tx: &mut PgConnection,
    table: &'static str,
    columns: &str,
    counts: &str,
) -> Result<TableDigest, sqlx::Error> {
    let select = format!(
        "SELECT count(*), COALESCE(sum(('x' || left(md5(row::text), 16))::bit(64)::bigint::numeric), 0)::text
         FROM (SELECT {columns} FROM {table} WHERE {counts}) AS row"
    );
    let (rows, sum) = sqlx::query_as(AssertSqlSafe(select)).fetch_one(tx).await?;
    Ok(TableDigest { table, rows, sum })
}

fn as_texts<S: serde::Serializer>(positions: &[Position], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(positions.iter().map(Position::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection;

    /// A read model whose tables are not compared could differ in silence.
    #[test]
    fn every_table_of_every_projection_has_a_digest() {
        for projection in projection::ALL {
            for table in projection.tables() {
                assert!(TABLES.iter().any(|(it, ..)| it == table), "{}: {table}", projection.name());
            }
        }
    }
}
