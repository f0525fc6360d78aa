//! What lets people into a room without approval. The codes themselves are known to those who have them.
//!
//! One that is used up or revoked is gone. One that has run out stays until its place is wanted, as it does in the room:
//! what the time is now is no fact of the log.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use voxlog_core::{
    clock::Time,
    event::Event,
    id::{RoomId, UserId},
    position::Seq,
    room::{Event as RoomEvent, InviteId, MAX_INVITES},
};

use crate::{
    Page, ReadModel, columns,
    page::one_more,
    projection::{Applied, Projection},
};

/// An invite that may still be used, unless it has expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    /// Which.
    #[serde(rename = "inviteId")]
    pub id: InviteId,
    /// How many may use it; null means any number.
    pub max_uses: Option<u32>,
    /// How many have.
    pub uses: u32,
    /// When it stops working; null means never.
    pub expires_at: Option<Time>,
    /// Who made it.
    pub creator_id: UserId,
    /// When.
    pub created_at: Time,
    /// The event that made it: the list's order.
    pub seq: Seq,
}

/// The read model of invites.
#[derive(Debug)]
pub struct Invites;

#[async_trait]
impl Projection for Invites {
    fn name(&self) -> &'static str {
        "invites"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["invites"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        for event in events {
            let (Some(room), Event::Room(fact)) = (event.room(), &event.envelope.event) else { continue };
            match fact {
                RoomEvent::InviteCreated { invite_id, max_uses, expires_at } => {
                    create(tx, room, event, invite_id, (*max_uses, *expires_at)).await?;
                }
                RoomEvent::InviteRevoked { invite_id } => revoke(tx, room, invite_id).await?,
                RoomEvent::InviteUsed { invite_id, .. } => count(tx, room, invite_id).await?,
                RoomEvent::Created { .. }
                | RoomEvent::Updated(_)
                | RoomEvent::Archived {}
                | RoomEvent::CodeRotated { .. }
                | RoomEvent::Requested { .. }
                | RoomEvent::Approved { .. }
                | RoomEvent::Denied { .. }
                | RoomEvent::Joined { .. }
                | RoomEvent::Left { .. }
                | RoomEvent::Kicked { .. }
                | RoomEvent::Banned { .. }
                | RoomEvent::Unbanned { .. }
                | RoomEvent::Muted { .. }
                | RoomEvent::Unmuted { .. }
                | RoomEvent::RoleChanged { .. } => {}
            }
        }
        Ok(())
    }
}

/// One of an id that stands already takes its place. Where a room has as many as it holds, the one that runs out first
/// makes room, in the order in which the room itself lets go of them: what it does not know, nobody could revoke.
async fn create(
    tx: &mut PgConnection,
    room: RoomId,
    event: &Applied,
    id: &InviteId,
    (max_uses, expires_at): (Option<u32>, Option<Time>),
) -> Result<(), sqlx::Error> {
    let make_room = "DELETE FROM invites WHERE room_id = $1 AND id = (
             SELECT id FROM invites WHERE room_id = $1 AND expires_at IS NOT NULL
                 AND (SELECT count(*) FROM invites WHERE room_id = $1) >= $2
             ORDER BY expires_at, id COLLATE \"C\" LIMIT 1)";
    let most = i64::try_from(MAX_INVITES).unwrap_or(i64::MAX);
    sqlx::query(make_room).bind(room.as_uuid()).bind(most).execute(&mut *tx).await?;
    let upsert = "INSERT INTO invites (room_id, id, max_uses, uses, expires_at, creator_id, created_at, seq)
         VALUES ($1, $2, $3, 0, $4, $5, $6, $7)
         ON CONFLICT (room_id, id) DO UPDATE SET max_uses = excluded.max_uses, uses = 0,
             expires_at = excluded.expires_at, creator_id = excluded.creator_id, created_at = excluded.created_at,
             seq = excluded.seq";
    sqlx::query(upsert)
        .bind(room.as_uuid())
        .bind(id.as_str())
        .bind(max_uses.map(i64::from))
        .bind(expires_at)
        .bind(event.actor().as_uuid())
        .bind(event.time())
        .bind(columns::bigint(event.seq))
        .execute(tx)
        .await?;
    Ok(())
}

async fn revoke(tx: &mut PgConnection, room: RoomId, id: &InviteId) -> Result<(), sqlx::Error> {
    let delete = "DELETE FROM invites WHERE room_id = $1 AND id = $2";
    sqlx::query(delete).bind(room.as_uuid()).bind(id.as_str()).execute(tx).await?;
    Ok(())
}

/// The last use ends it.
async fn count(tx: &mut PgConnection, room: RoomId, id: &InviteId) -> Result<(), sqlx::Error> {
    let statements = [
        "UPDATE invites SET uses = uses + 1 WHERE room_id = $1 AND id = $2",
        "DELETE FROM invites WHERE room_id = $1 AND id = $2 AND uses >= max_uses",
    ];
    for statement in statements {
        sqlx::query(statement).bind(room.as_uuid()).bind(id.as_str()).execute(&mut *tx).await?;
    }
    Ok(())
}

/// A room's invites in the order in which they were made, those that have expired included: `limit` of them after the
/// one whose `seq` is `after`.
pub async fn invites(
    db: &ReadModel,
    room: RoomId,
    after: Option<Seq>,
    limit: usize,
) -> Result<Page<Invite>, sqlx::Error> {
    let select = "SELECT id, max_uses, uses, expires_at, creator_id, created_at, seq FROM invites
         WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let after = columns::bigint(after.unwrap_or_default());
    let query = sqlx::query(select).bind(room.as_uuid()).bind(after).bind(one_more(limit));
    let rows = query.fetch_all(db.pool()).await?;
    let invites = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(invites, limit, |invite| invite.seq.to_string()))
}

/// The room of an invite. Ids are unique but for astronomic luck; then an open room is meant,
/// and of those the one that made it first. Whether the invite still lets anybody in is for the room to decide.
pub async fn room_by_invite(db: &ReadModel, id: &InviteId) -> Result<Option<RoomId>, sqlx::Error> {
    let select = "SELECT i.room_id FROM invites AS i JOIN rooms AS r ON r.id = i.room_id WHERE i.id = $1
         ORDER BY r.archived_at IS NOT NULL, i.created_at, i.room_id LIMIT 1";
    let room = sqlx::query_scalar(select).bind(id.as_str()).fetch_optional(db.pool()).await?;
    Ok(room.map(RoomId::from_uuid))
}

fn read(row: &PgRow) -> Result<Invite, sqlx::Error> {
    Ok(Invite {
        id: columns::named(row, "id")?,
        max_uses: columns::maybe_count(row, "max_uses")?,
        uses: columns::maybe_count(row, "uses")?.unwrap_or_default(),
        expires_at: row.try_get("expires_at")?,
        creator_id: columns::user(row, "creator_id")?,
        created_at: row.try_get("created_at")?,
        seq: columns::seq(row, "seq")?,
    })
}
