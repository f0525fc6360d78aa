//! The rooms and how they are set up. Who is in them stands in [`members`](crate::members).

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow, types::Json};
use uuid::Uuid;
use voxlog_core::{
    clock::Time,
    event::Event,
    id::{RoomId, UserId},
    position::Seq,
    room::{Changes, Event as RoomEvent, Role, Settings},
};

use crate::{
    Page, ReadModel, columns,
    markers::{counted, marked},
    page::one_more,
    projection::{Applied, Projection},
};

/// A room as its members, and for a public one everybody, may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// Which.
    pub id: RoomId,
    /// By which others join.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whose it is.
    pub owner_id: UserId,
    /// Seats.
    pub max_users: i32,
    /// Seats that are taken.
    pub member_count: i64,
    /// How it behaves.
    pub settings: Settings,
    /// When it was opened.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// When it was closed for good.
    pub archived_at: Option<Time>,
    /// The event that last changed it.
    pub seq: Seq,
}

/// A room that somebody is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomOf {
    /// The room.
    #[serde(flatten)]
    pub room: Room,
    /// As what they are in it.
    pub role: Role,
    /// Messages that they have not read, counted as in the list of what is unread.
    pub unread: i64,
    /// Those of them that mention them.
    pub mentions: i64,
    /// Up to where they have read.
    pub read_seq: Seq,
}

/// A place in the list of public rooms, which runs from the newest to the oldest: that of the last room seen. Written as the
/// microseconds of its creation and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomCursor {
    /// When that room was opened.
    pub created_at: Time,
    /// Which it is.
    pub id: RoomId,
}

/// Why a text is no [`RoomCursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a list of rooms")]
pub struct InvalidRoomCursor;

/// The read model of rooms.
#[derive(Debug)]
pub struct Rooms;

impl Room {
    fn cursor(&self) -> RoomCursor {
        RoomCursor { created_at: self.created_at, id: self.id }
    }
}

impl fmt::Display for RoomCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.created_at.timestamp_micros(), self.id)
    }
}

impl FromStr for RoomCursor {
    type Err = InvalidRoomCursor;

    fn from_str(text: &str) -> Result<Self, InvalidRoomCursor> {
        let (micros, id) = text.split_once('_').ok_or(InvalidRoomCursor)?;
        let created_at = columns::time(micros).ok_or(InvalidRoomCursor)?;
        Ok(Self { created_at, id: id.parse().map_err(|_| InvalidRoomCursor)? })
    }
}

#[async_trait]
impl Projection for Rooms {
    fn name(&self) -> &'static str {
        "rooms"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["rooms"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        for event in events {
            let (Some(room), Event::Room(fact)) = (event.room(), &event.envelope.event) else { continue };
            match fact {
                RoomEvent::Created { .. } => create(tx, room, event, fact).await?,
                RoomEvent::Updated(changes) => update(tx, room, event, changes).await?,
                RoomEvent::Archived {} => archive(tx, room, event).await?,
                RoomEvent::RoleChanged { user_id, role: Role::Owner, .. } => {
                    hand_over(tx, room, event, *user_id).await?;
                }
                RoomEvent::CodeRotated { code } => rotate_code(tx, room, event, code).await?,
                RoomEvent::InviteCreated { .. }
                | RoomEvent::InviteRevoked { .. }
                | RoomEvent::InviteUsed { .. }
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

async fn create(tx: &mut PgConnection, room: RoomId, event: &Applied, fact: &RoomEvent) -> Result<(), sqlx::Error> {
    let RoomEvent::Created { name, description, code, owner_id, max_users, settings } = fact else { return Ok(()) };
    let insert = "INSERT INTO rooms (id, code, name, description, owner_id, max_users, settings, is_public, records,
             created_at, updated_at, seq)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11) ON CONFLICT DO NOTHING";
    sqlx::query(insert)
        .bind(room.as_uuid())
        .bind(columns::text(code))
        .bind(columns::text(name))
        .bind(columns::text(description))
        .bind(owner_id.as_uuid())
        .bind(i32::from(*max_users))
        .bind(Json(settings))
        .bind(settings.is_public)
        .bind(settings.record_messages)
        .bind(event.time())
        .bind(columns::bigint(event.seq))
        .execute(tx)
        .await?;
    Ok(())
}

async fn update(tx: &mut PgConnection, room: RoomId, event: &Applied, changes: &Changes) -> Result<(), sqlx::Error> {
    let settings = changes.settings.as_ref();
    let update = "UPDATE rooms SET name = COALESCE($2, name), description = COALESCE($3, description),
             max_users = COALESCE($4, max_users), settings = COALESCE($5, settings),
             is_public = COALESCE($6, is_public), records = COALESCE($7, records), updated_at = $8, seq = $9
         WHERE id = $1";
    sqlx::query(update)
        .bind(room.as_uuid())
        .bind(columns::maybe_text(changes.name.as_deref()))
        .bind(columns::maybe_text(changes.description.as_deref()))
        .bind(changes.max_users.map(i32::from))
        .bind(settings.map(Json))
        .bind(settings.map(|it| it.is_public))
        .bind(settings.map(|it| it.record_messages))
        .bind(event.time())
        .bind(columns::bigint(event.seq))
        .execute(tx)
        .await?;
    Ok(())
}

async fn archive(tx: &mut PgConnection, room: RoomId, event: &Applied) -> Result<(), sqlx::Error> {
    let update = "UPDATE rooms SET archived_at = $2, updated_at = $2, seq = $3 WHERE id = $1";
    let query = sqlx::query(update).bind(room.as_uuid()).bind(event.time()).bind(columns::bigint(event.seq));
    query.execute(tx).await?;
    Ok(())
}

/// The old code opens nothing any more.
async fn rotate_code(tx: &mut PgConnection, room: RoomId, event: &Applied, code: &str) -> Result<(), sqlx::Error> {
    let update = "UPDATE rooms SET code = $2, updated_at = $3, seq = $4 WHERE id = $1";
    let query = sqlx::query(update).bind(room.as_uuid()).bind(columns::text(code)).bind(event.time());
    query.bind(columns::bigint(event.seq)).execute(tx).await?;
    Ok(())
}

async fn hand_over(tx: &mut PgConnection, room: RoomId, event: &Applied, owner: UserId) -> Result<(), sqlx::Error> {
    let update = "UPDATE rooms SET owner_id = $2, updated_at = $3, seq = $4 WHERE id = $1";
    let query = sqlx::query(update).bind(room.as_uuid()).bind(owner.as_uuid()).bind(event.time());
    query.bind(columns::bigint(event.seq)).execute(tx).await?;
    Ok(())
}

macro_rules! select {
    ($extra:expr, $rest:expr) => {
        concat!(
            "SELECT r.id, r.code, r.name, r.description, r.owner_id, r.max_users, r.settings, r.created_at, ",
            "r.updated_at, r.archived_at, r.seq, ",
            "(SELECT count(*) FROM members AS m WHERE m.room_id = r.id) AS member_count",
            $extra,
            " FROM rooms AS r ",
            $rest
        )
    };
}

/// One room.
pub async fn room(db: &ReadModel, id: RoomId) -> Result<Option<Room>, sqlx::Error> {
    let row = sqlx::query(select!("", "WHERE r.id = $1")).bind(id.as_uuid()).fetch_optional(db.pool()).await?;
    row.as_ref().map(read).transpose()
}

/// The room of a code. Codes are unique but for astronomic luck; then the oldest room that is open is meant.
pub async fn room_by_code(db: &ReadModel, code: &str) -> Result<Option<Room>, sqlx::Error> {
    let select = select!("", "WHERE r.code = $1 ORDER BY r.archived_at IS NOT NULL, r.created_at, r.id LIMIT 1");
    let row = sqlx::query(select).bind(columns::text(code)).fetch_optional(db.pool()).await?;
    row.as_ref().map(read).transpose()
}

/// Open public rooms whose name or description contains `query`, the newest first: `limit` of them after `after`, and
/// after `skip` more. For a deep page use `after`: what is skipped is read all the same.
pub async fn public_rooms(
    db: &ReadModel,
    query: Option<&str>,
    after: Option<RoomCursor>,
    skip: u32,
    limit: usize,
) -> Result<Page<Room>, sqlx::Error> {
    let select = select!(
        "",
        "WHERE r.is_public AND r.archived_at IS NULL
             AND ($1::text IS NULL OR r.name ILIKE $1 OR r.description ILIKE $1)
             AND (r.created_at, r.id) < (COALESCE($2, 'infinity'::timestamptz), $3)
         ORDER BY r.created_at DESC, r.id DESC OFFSET $4 LIMIT $5"
    );
    let rows = sqlx::query(select)
        .bind(query.map(containing))
        .bind(after.map(|it| it.created_at))
        .bind(after.map_or(Uuid::max(), |it| it.id.as_uuid()))
        .bind(i64::from(skip))
        .bind(one_more(limit))
        .fetch_all(db.pool())
        .await?;
    let rooms = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rooms, limit, |room| room.cursor().to_string()))
}

/// Rooms of any kind, for operators: those of that id or code, or whose name or description contains `query`, the newest
/// first.
pub async fn all_rooms(
    db: &ReadModel,
    query: Option<&str>,
    after: Option<RoomCursor>,
    limit: usize,
) -> Result<Page<Room>, sqlx::Error> {
    let select = select!(
        "",
        "WHERE ($1::text IS NULL OR r.name ILIKE $1 OR r.description ILIKE $1 OR r.code = $2 OR r.id = $3)
             AND (r.created_at, r.id) < (COALESCE($4, 'infinity'::timestamptz), $5)
         ORDER BY r.created_at DESC, r.id DESC LIMIT $6"
    );
    let rows = sqlx::query(select)
        .bind(query.map(containing))
        .bind(columns::maybe_text(query))
        .bind(query.and_then(|query| query.parse::<Uuid>().ok()))
        .bind(after.map(|it| it.created_at))
        .bind(after.map_or(Uuid::max(), |it| it.id.as_uuid()))
        .bind(one_more(limit))
        .fetch_all(db.pool())
        .await?;
    let rooms = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rooms, limit, |room| room.cursor().to_string()))
}

/// How many rooms [`public_rooms`] has in all.
pub async fn count_public_rooms(db: &ReadModel, query: Option<&str>) -> Result<i64, sqlx::Error> {
    let select = "SELECT count(*) FROM rooms WHERE is_public AND archived_at IS NULL
             AND ($1::text IS NULL OR name ILIKE $1 OR description ILIKE $1)";
    sqlx::query_scalar(select).bind(query.map(containing)).fetch_one(db.pool()).await
}

/// The rooms that a user is in, archived ones included, the newest first: `limit` of them after the one of that id. By id
/// is by age, and an index of members has it.
pub async fn rooms_of(
    db: &ReadModel,
    user: UserId,
    after: Option<RoomId>,
    limit: usize,
) -> Result<Page<RoomOf>, sqlx::Error> {
    let select = select!(
        concat!(", seat.role, ", counted!()),
        concat!(
            "JOIN (SELECT room_id, user_id, role, seq FROM members WHERE user_id = $1 AND room_id < $2 \
             ORDER BY room_id DESC LIMIT $3) AS seat ON seat.room_id = r.id ",
            marked!(),
            " ORDER BY seat.room_id DESC"
        )
    );
    let after = after.map_or(Uuid::max(), RoomId::as_uuid);
    let rows = sqlx::query(select).bind(user.as_uuid()).bind(after).bind(one_more(limit)).fetch_all(db.pool()).await?;
    let rooms = rows.iter().map(read_of).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rooms, limit, |it| it.room.id.to_string()))
}

/// Open rooms that a user owns, `limit` of them.
pub async fn owned_by(db: &ReadModel, user: UserId, limit: usize) -> Result<Vec<(RoomId, String)>, sqlx::Error> {
    let select = "SELECT r.id, r.name FROM members AS seat JOIN rooms AS r ON r.id = seat.room_id
         WHERE seat.user_id = $1 AND seat.role = 'owner' AND r.archived_at IS NULL ORDER BY r.id LIMIT $2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sqlx::query(select).bind(user.as_uuid()).bind(limit).fetch_all(db.pool()).await?;
    rows.iter().map(|row| Ok((columns::room(row, "id")?, row.try_get("name")?))).collect()
}

/// The pattern of `ILIKE` for texts that contain `query` as it is.
fn containing(query: &str) -> String {
    let literal = columns::text(query).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{literal}%")
}

fn read(row: &PgRow) -> Result<Room, sqlx::Error> {
    let settings: Json<Settings> = row.try_get("settings")?;
    Ok(Room {
        id: columns::room(row, "id")?,
        code: row.try_get("code")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        owner_id: columns::user(row, "owner_id")?,
        max_users: row.try_get("max_users")?,
        member_count: row.try_get("member_count")?,
        settings: settings.0,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        archived_at: row.try_get("archived_at")?,
        seq: columns::seq(row, "seq")?,
    })
}

fn read_of(row: &PgRow) -> Result<RoomOf, sqlx::Error> {
    Ok(RoomOf {
        room: read(row)?,
        role: columns::named(row, "role")?,
        unread: row.try_get("unread")?,
        mentions: row.try_get("mentions")?,
        read_seq: columns::seq(row, "read_seq")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_cursor_reads_back_from_its_text() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let cursor = RoomCursor { created_at: Time::from_timestamp_millis(1_700_000_000_123).unwrap(), id };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "_", "x_y", "1_", "8223372036854775807_01890a5d-ac96-774b-bcce-b302099a8057"] {
            assert_eq!(text.parse::<RoomCursor>(), Err(InvalidRoomCursor), "{text}");
        }
    }

    #[test]
    fn a_query_is_taken_literally() {
        assert_eq!(containing(r"50%_\"), r"%50\%\_\\%");
    }
}
