//! Who asks for a seat in a room where admins approve.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use voxlog_core::{
    clock::Time,
    event::Event,
    id::{RoomId, UserId},
    position::Seq,
    room::{Event as RoomEvent, Role},
};

use crate::{
    Page, ReadModel, columns,
    page::one_more,
    projection::{Applied, Projection},
};

/// Somebody who waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinRequest {
    /// Who.
    pub user_id: UserId,
    /// Their name; null as long as the users' read model does not have them.
    pub username: Option<String>,
    /// What people call them, when that is another name.
    pub display_name: Option<String>,
    /// As what they would come in.
    pub role: Role,
    /// Since when they wait.
    pub requested_at: Time,
    /// The event by which they asked: the list's order.
    pub seq: Seq,
}

/// The read model of requests. Whoever has a seat, or is kept out, asks for none.
#[derive(Debug)]
pub struct Requests;

#[async_trait]
impl Projection for Requests {
    fn name(&self) -> &'static str {
        "requests"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["requests"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        for event in events {
            let (Some(room), Event::Room(fact)) = (event.room(), &event.envelope.event) else { continue };
            match fact {
                RoomEvent::Requested { user_id, role } => ask(tx, room, event, *user_id, *role).await?,
                RoomEvent::Approved { user_id, .. }
                | RoomEvent::Denied { user_id }
                | RoomEvent::Joined { user_id, .. }
                | RoomEvent::InviteUsed { user_id, .. }
                | RoomEvent::Left { user_id }
                | RoomEvent::Banned { user_id, .. } => end(tx, room, *user_id).await?,
                RoomEvent::Created { .. }
                | RoomEvent::Updated(_)
                | RoomEvent::Archived {}
                | RoomEvent::CodeRotated { .. }
                | RoomEvent::InviteCreated { .. }
                | RoomEvent::InviteRevoked { .. }
                | RoomEvent::Kicked { .. }
                | RoomEvent::Unbanned { .. }
                | RoomEvent::Muted { .. }
                | RoomEvent::Unmuted { .. }
                | RoomEvent::RoleChanged { .. } => {}
            }
        }
        Ok(())
    }
}

async fn ask(
    tx: &mut PgConnection,
    room: RoomId,
    event: &Applied,
    user: UserId,
    role: Role,
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO requests (room_id, user_id, role, requested_at, seq) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role";
    let query = sqlx::query(insert).bind(room.as_uuid()).bind(user.as_uuid()).bind(columns::role(role));
    query.bind(event.time()).bind(columns::bigint(event.seq)).execute(tx).await?;
    Ok(())
}

async fn end(tx: &mut PgConnection, room: RoomId, user: UserId) -> Result<(), sqlx::Error> {
    let delete = "DELETE FROM requests WHERE room_id = $1 AND user_id = $2";
    sqlx::query(delete).bind(room.as_uuid()).bind(user.as_uuid()).execute(tx).await?;
    Ok(())
}

/// A room's requests in the order in which they came: `limit` of them after the one whose `seq` is `after`.
pub async fn requests(
    db: &ReadModel,
    room: RoomId,
    after: Option<Seq>,
    limit: usize,
) -> Result<Page<JoinRequest>, sqlx::Error> {
    let select = "SELECT q.user_id, u.username, u.display_name, q.role, q.requested_at, q.seq
         FROM requests AS q LEFT JOIN users AS u ON u.id = q.user_id
         WHERE q.room_id = $1 AND q.seq > $2 ORDER BY q.seq LIMIT $3";
    let after = columns::bigint(after.unwrap_or_default());
    let query = sqlx::query(select).bind(room.as_uuid()).bind(after).bind(one_more(limit));
    let rows = query.fetch_all(db.pool()).await?;
    let requests = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(requests, limit, |request| request.seq.to_string()))
}

fn read(row: &PgRow) -> Result<JoinRequest, sqlx::Error> {
    Ok(JoinRequest {
        user_id: columns::user(row, "user_id")?,
        username: row.try_get("username")?,
        display_name: row.try_get("display_name")?,
        role: columns::named(row, "role")?,
        requested_at: row.try_get("requested_at")?,
        seq: columns::seq(row, "seq")?,
    })
}
