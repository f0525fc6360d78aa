//! Who is in a room, who is muted there and who is kept out.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;
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

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// Their name; null as long as the users' read model does not have them.
    pub username: Option<String>,
    /// What people call them, when that is another name.
    pub display_name: Option<String>,
    /// As what.
    pub role: Role,
    /// Since when.
    pub joined_at: Time,
    /// When they were last there, as far as others could see; absent for who hides and who was never here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Time>,
    /// May read but not write; see `muted_until`.
    pub muted: bool,
    /// When a mute ends by itself; null means never, or not muted.
    pub muted_until: Option<Time>,
    /// The event by which they took the seat: the list's order.
    pub seq: Seq,
}

/// Somebody who is kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ban {
    /// Who.
    pub user_id: UserId,
    /// Their name.
    pub username: Option<String>,
    /// When it ends by itself; null means never.
    pub until: Option<Time>,
    /// Why.
    pub reason: Option<String>,
    /// Who did it.
    pub actor_id: UserId,
    /// When.
    pub banned_at: Time,
    /// The event that did it: the list's order.
    pub seq: Seq,
}

/// The read model of members, mutes and bans.
#[derive(Debug)]
pub struct Members;

#[async_trait]
impl Projection for Members {
    fn name(&self) -> &'static str {
        "members"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["members", "mutes", "bans"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        for event in events {
            if let (Some(room), Event::Room(fact)) = (event.room(), &event.envelope.event) {
                Change { tx: &mut *tx, room, event }.apply(fact).await?;
            }
        }
        Ok(())
    }
}

/// One event's change of one room.
struct Change<'a> {
    tx: &'a mut PgConnection,
    room: RoomId,
    event: &'a Applied,
}

impl Change<'_> {
    async fn apply(mut self, fact: &RoomEvent) -> Result<(), sqlx::Error> {
        match fact {
            RoomEvent::Created { owner_id, .. } => self.seat(*owner_id, Role::Owner).await,
            RoomEvent::Joined { user_id, role }
            | RoomEvent::Approved { user_id, role }
            | RoomEvent::InviteUsed { user_id, role, .. } => self.seat(*user_id, *role).await,
            RoomEvent::Left { user_id } | RoomEvent::Kicked { user_id, .. } => {
                self.remove("DELETE FROM members WHERE room_id = $1 AND user_id = $2", *user_id).await
            }
            RoomEvent::Banned { user_id, until, reason } => {
                self.remove("DELETE FROM members WHERE room_id = $1 AND user_id = $2", *user_id).await?;
                self.ban(*user_id, *until, reason.as_deref()).await
            }
            // Who may ask for a seat is banned no longer.
            RoomEvent::Unbanned { user_id } | RoomEvent::Requested { user_id, .. } => {
                self.remove("DELETE FROM bans WHERE room_id = $1 AND user_id = $2", *user_id).await
            }
            RoomEvent::Muted { user_id, until, reason } => self.mute(*user_id, *until, reason.as_deref()).await,
            RoomEvent::Unmuted { user_id } => {
                self.remove("DELETE FROM mutes WHERE room_id = $1 AND user_id = $2", *user_id).await
            }
            RoomEvent::RoleChanged { user_id, role, former_owner_id } => {
                self.set_role(*user_id, *role).await?;
                match former_owner_id {
                    Some(former) => self.set_role(*former, Role::Admin).await,
                    None => Ok(()),
                }
            }
            RoomEvent::Updated(_)
            | RoomEvent::Archived {}
            | RoomEvent::CodeRotated { .. }
            | RoomEvent::InviteCreated { .. }
            | RoomEvent::InviteRevoked { .. }
            | RoomEvent::Denied { .. } => Ok(()),
        }
    }

    /// Taking a seat also ends a ban that has run out: nobody is a member and banned at once.
    async fn seat(&mut self, user: UserId, role: Role) -> Result<(), sqlx::Error> {
        self.remove("DELETE FROM bans WHERE room_id = $1 AND user_id = $2", user).await?;
        let insert = "INSERT INTO members (room_id, user_id, role, joined_at, seq) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role";
        sqlx::query(insert)
            .bind(self.room.as_uuid())
            .bind(user.as_uuid())
            .bind(columns::role(role))
            .bind(self.event.time())
            .bind(columns::bigint(self.event.seq))
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn remove(&mut self, delete: &'static str, user: UserId) -> Result<(), sqlx::Error> {
        sqlx::query(delete).bind(self.room.as_uuid()).bind(user.as_uuid()).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn ban(&mut self, user: UserId, until: Option<Time>, reason: Option<&str>) -> Result<(), sqlx::Error> {
        let upsert = "INSERT INTO bans (room_id, user_id, until, reason, actor_id, banned_at, seq)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (room_id, user_id) DO UPDATE SET until = excluded.until, reason = excluded.reason,
                 actor_id = excluded.actor_id, banned_at = excluded.banned_at, seq = excluded.seq";
        sqlx::query(upsert)
            .bind(self.room.as_uuid())
            .bind(user.as_uuid())
            .bind(until)
            .bind(columns::maybe_text(reason))
            .bind(self.event.actor().as_uuid())
            .bind(self.event.time())
            .bind(columns::bigint(self.event.seq))
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn mute(&mut self, user: UserId, until: Option<Time>, reason: Option<&str>) -> Result<(), sqlx::Error> {
        let upsert = "INSERT INTO mutes (room_id, user_id, until, reason, actor_id, muted_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (room_id, user_id) DO UPDATE SET until = excluded.until, reason = excluded.reason,
                 actor_id = excluded.actor_id, muted_at = excluded.muted_at";
        sqlx::query(upsert)
            .bind(self.room.as_uuid())
            .bind(user.as_uuid())
            .bind(until)
            .bind(columns::maybe_text(reason))
            .bind(self.event.actor().as_uuid())
            .bind(self.event.time())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn set_role(&mut self, user: UserId, role: Role) -> Result<(), sqlx::Error> {
        let update = "UPDATE members SET role = $3 WHERE room_id = $1 AND user_id = $2";
        let query = sqlx::query(update).bind(self.room.as_uuid()).bind(user.as_uuid()).bind(columns::role(role));
        query.execute(&mut *self.tx).await?;
        Ok(())
    }
}

/// Members in the order in which they joined: `limit` of them after the one whose `seq` is `after`.
pub async fn members(
    db: &ReadModel,
    room: RoomId,
    after: Option<Seq>,
    limit: usize,
) -> Result<Page<Member>, sqlx::Error> {
    let select = "SELECT m.user_id, u.username, u.display_name, m.role, m.joined_at, m.seq,
             (SELECT at FROM last_seen AS l WHERE l.user_id = m.user_id) AS last_seen_at,
             s.user_id IS NOT NULL AS muted, s.until
         FROM members AS m LEFT JOIN users AS u ON u.id = m.user_id
             LEFT JOIN mutes AS s ON s.room_id = m.room_id AND s.user_id = m.user_id
         WHERE m.room_id = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3";
    let after = columns::bigint(after.unwrap_or_default());
    let query = sqlx::query(select).bind(room.as_uuid()).bind(after).bind(one_more(limit));
    let rows = query.fetch_all(db.pool()).await?;
    let members = rows.iter().map(read_member).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(members, limit, |member| member.seq.to_string()))
}

/// Bans in the order in which they came, those that have run out included until the banned one joins again.
pub async fn bans(db: &ReadModel, room: RoomId, after: Option<Seq>, limit: usize) -> Result<Page<Ban>, sqlx::Error> {
    let select = "SELECT b.user_id, u.username, b.until, b.reason, b.actor_id, b.banned_at, b.seq
         FROM bans AS b LEFT JOIN users AS u ON u.id = b.user_id
         WHERE b.room_id = $1 AND b.seq > $2 ORDER BY b.seq LIMIT $3";
    let after = columns::bigint(after.unwrap_or_default());
    let query = sqlx::query(select).bind(room.as_uuid()).bind(after).bind(one_more(limit));
    let rows = query.fetch_all(db.pool()).await?;
    let bans = rows.iter().map(read_ban).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(bans, limit, |ban| ban.seq.to_string()))
}

/// The role of a user in a room; `None` when they are not in it.
pub async fn role(db: &ReadModel, room: RoomId, user: UserId) -> Result<Option<Role>, sqlx::Error> {
    let select = "SELECT role FROM members WHERE room_id = $1 AND user_id = $2";
    let query = sqlx::query(select).bind(room.as_uuid()).bind(user.as_uuid());
    query.fetch_optional(db.pool()).await?.map(|row| columns::named(&row, "role")).transpose()
}

/// Rooms that a user is in, or asks to be let into, `limit` of them.
pub async fn rooms_with(db: &ReadModel, user: UserId, limit: usize) -> Result<Vec<RoomId>, sqlx::Error> {
    let select = "SELECT room_id FROM members WHERE user_id = $1
         UNION SELECT room_id FROM requests WHERE user_id = $1 LIMIT $2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<Uuid> = sqlx::query_scalar(select).bind(user.as_uuid()).bind(limit).fetch_all(db.pool()).await?;
    Ok(rows.into_iter().map(RoomId::from_uuid).collect())
}

/// Who could run a room in its owner's place: an admin, or else the member who has been there for the longest. A guest
/// can't.
pub async fn heir(db: &ReadModel, room: RoomId) -> Result<Option<UserId>, sqlx::Error> {
    let select = "SELECT user_id FROM members WHERE room_id = $1 AND role IN ('admin', 'member')
         ORDER BY role, seq LIMIT 1";
    let heir: Option<Uuid> = sqlx::query_scalar(select).bind(room.as_uuid()).fetch_optional(db.pool()).await?;
    Ok(heir.map(UserId::from_uuid))
}

fn read_member(row: &PgRow) -> Result<Member, sqlx::Error> {
    Ok(Member {
        user_id: columns::user(row, "user_id")?,
        username: row.try_get("username")?,
        display_name: row.try_get("display_name")?,
        role: columns::named(row, "role")?,
        joined_at: row.try_get("joined_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        muted: row.try_get("muted")?,
        muted_until: row.try_get("until")?,
        seq: columns::seq(row, "seq")?,
    })
}

fn read_ban(row: &PgRow) -> Result<Ban, sqlx::Error> {
    Ok(Ban {
        user_id: columns::user(row, "user_id")?,
        username: row.try_get("username")?,
        until: row.try_get("until")?,
        reason: row.try_get("reason")?,
        actor_id: columns::user(row, "actor_id")?,
        banned_at: row.try_get("banned_at")?,
        seq: columns::seq(row, "seq")?,
    })
}
