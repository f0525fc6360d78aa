//! The calls of rooms: when they were, and who was in them.
//!
//! Folded as the domain folds them ([`voxlog_core::call`]), from both chains of a room: who loses their seat or their voice
//! is out at that event, and a call that nobody is in any more is over.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use voxlog_core::{
    call::Event as CallEvent,
    clock::Time,
    event::Event,
    id::{CallId, RoomId, SessionId, UserId},
    position::Seq,
    room::Event as RoomEvent,
};

use crate::{
    Page, ReadModel, columns,
    page::one_more,
    projection::{Applied, Projection},
};

/// How many stays of a call are told.
pub const MAX_STAYS: u32 = 200;

/// A call that was, or goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastCall {
    /// Which.
    pub call_id: CallId,
    /// Where.
    pub room_id: RoomId,
    /// Who began it.
    pub started_by: UserId,
    /// When it began.
    pub started_at: Time,
    /// When it was over; null while it goes on.
    pub ended_at: Option<Time>,
    /// How many seconds it lasted; null while it goes on.
    pub duration_s: Option<i64>,
    /// How many devices it took.
    pub seats: i32,
    /// Who was in it, each time that they were, in the order in which they joined: the first 200.
    pub participants: Vec<Stay>,
    /// The event that began it: the list's order.
    pub seq: Seq,
}

/// Somebody's time in a call, with one of their devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stay {
    /// With which device.
    pub session: SessionId,
    /// Who.
    pub user_id: UserId,
    /// Their name; null as long as the users' read model does not have them.
    pub username: Option<String>,
    /// What people call them, when that is another name.
    pub display_name: Option<String>,
    /// Since when.
    pub joined_at: Time,
    /// Until when; null while they are in it.
    pub left_at: Option<Time>,
}

/// The read model of calls.
#[derive(Debug)]
pub struct Calls;

#[async_trait]
impl Projection for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["calls", "call_stays"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        for event in events {
            let Some(room) = event.room() else { continue };
            let mut change = Change { tx: &mut *tx, room, event };
            match &event.envelope.event {
                Event::Call(fact) => change.take_in(fact).await?,
                Event::Room(fact) => change.take_in_room(fact).await?,
                Event::Message(_) | Event::User(_) | Event::Ambient(_) => return Ok(()),
            }
        }
        Ok(())
    }
}

/// One event's change of one room's calls.
struct Change<'a> {
    tx: &'a mut PgConnection,
    room: RoomId,
    event: &'a Applied,
}

impl Change<'_> {
    async fn take_in(&mut self, fact: &CallEvent) -> Result<(), sqlx::Error> {
        match *fact {
            CallEvent::Started { call_id, started_by, seats, .. } => {
                self.end().await?;
                self.start(call_id, started_by, seats).await
            }
            CallEvent::Joined { user_id, session, .. } => {
                self.leave(session).await?;
                self.join(user_id, session).await
            }
            CallEvent::Left { session, .. } => self.leave(session).await,
            CallEvent::Updated { .. } => Ok(()),
            CallEvent::Ended { .. } => self.end().await,
        }
    }

    async fn take_in_room(&mut self, fact: &RoomEvent) -> Result<(), sqlx::Error> {
        match fact {
            RoomEvent::Left { user_id }
            | RoomEvent::Kicked { user_id, .. }
            | RoomEvent::Banned { user_id, .. }
            | RoomEvent::Muted { user_id, .. } => {
                let close =
                    "UPDATE call_stays SET left_at = $3 WHERE room_id = $1 AND user_id = $2 AND left_at IS NULL";
                let query = sqlx::query(close).bind(self.room.as_uuid()).bind(user_id.as_uuid());
                query.bind(self.event.time()).execute(&mut *self.tx).await?;
                self.end_if_empty().await
            }
            RoomEvent::Archived {} => self.end().await,
            RoomEvent::Created { .. }
            | RoomEvent::Updated(_)
            | RoomEvent::CodeRotated { .. }
            | RoomEvent::InviteCreated { .. }
            | RoomEvent::InviteRevoked { .. }
            | RoomEvent::InviteUsed { .. }
            | RoomEvent::Requested { .. }
            | RoomEvent::Approved { .. }
            | RoomEvent::Denied { .. }
            | RoomEvent::Joined { .. }
            | RoomEvent::Unbanned { .. }
            | RoomEvent::Unmuted { .. }
            | RoomEvent::RoleChanged { .. } => Ok(()),
        }
    }

    async fn start(&mut self, call: CallId, started_by: UserId, seats: u16) -> Result<(), sqlx::Error> {
        let insert =
            "INSERT INTO calls (room_id, seq, id, started_by, started_at, seats) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING";
        sqlx::query(insert)
            .bind(self.room.as_uuid())
            .bind(columns::bigint(self.event.seq))
            .bind(call.as_uuid())
            .bind(started_by.as_uuid())
            .bind(columns::nearest(call.time()))
            .bind(i32::from(seats))
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn join(&mut self, user: UserId, session: SessionId) -> Result<(), sqlx::Error> {
        let insert = "INSERT INTO call_stays (room_id, call_seq, seq, session, user_id, joined_at)
             SELECT room_id, seq, $2, $3, $4, $5 FROM calls WHERE room_id = $1 AND ended_at IS NULL
             ON CONFLICT DO NOTHING";
        sqlx::query(insert)
            .bind(self.room.as_uuid())
            .bind(columns::bigint(self.event.seq))
            .bind(session.as_uuid())
            .bind(user.as_uuid())
            .bind(self.event.time())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn leave(&mut self, session: SessionId) -> Result<(), sqlx::Error> {
        let close = "UPDATE call_stays SET left_at = $3 WHERE room_id = $1 AND session = $2 AND left_at IS NULL";
        let query = sqlx::query(close).bind(self.room.as_uuid()).bind(session.as_uuid());
        query.bind(self.event.time()).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn end_if_empty(&mut self) -> Result<(), sqlx::Error> {
        let end = "UPDATE calls SET ended_at = $2 WHERE room_id = $1 AND ended_at IS NULL
             AND NOT EXISTS (SELECT FROM call_stays WHERE room_id = $1 AND left_at IS NULL)";
        sqlx::query(end).bind(self.room.as_uuid()).bind(self.event.time()).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn end(&mut self) -> Result<(), sqlx::Error> {
        let ends = [
            "UPDATE call_stays SET left_at = $2 WHERE room_id = $1 AND left_at IS NULL",
            "UPDATE calls SET ended_at = $2 WHERE room_id = $1 AND ended_at IS NULL",
        ];
        for end in ends {
            sqlx::query(end).bind(self.room.as_uuid()).bind(self.event.time()).execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}

/// A room's calls from the latest back: `limit` of them before the one whose `seq` is `after`.
pub async fn calls(
    db: &ReadModel,
    room: RoomId,
    after: Option<Seq>,
    limit: usize,
) -> Result<Page<PastCall>, sqlx::Error> {
    let select = "SELECT c.seq, c.id, c.started_by, c.started_at, c.seats, c.ended_at,
             s.session, s.user_id, u.username, u.display_name, s.joined_at, s.left_at
         FROM (SELECT * FROM calls WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3) AS c
             LEFT JOIN LATERAL (SELECT * FROM call_stays WHERE room_id = c.room_id AND call_seq = c.seq
                 ORDER BY seq LIMIT $4) AS s ON true
             LEFT JOIN users AS u ON u.id = s.user_id
         ORDER BY c.seq DESC, s.seq";
    let after = columns::bigint(after.unwrap_or(Seq::MAX));
    let query = sqlx::query(select).bind(room.as_uuid()).bind(after).bind(one_more(limit)).bind(i64::from(MAX_STAYS));
    let mut calls: Vec<PastCall> = Vec::new();
    for row in &query.fetch_all(db.pool()).await? {
        let seq = columns::seq(row, "seq")?;
        if calls.last().is_none_or(|last| last.seq != seq) {
            calls.push(read(row, room, seq)?);
        }
        if let (Some(call), Some(stay)) = (calls.last_mut(), read_stay(row)?) {
            call.participants.push(stay);
        }
    }
    Ok(Page::cut(calls, limit, |call| call.seq.to_string()))
}

fn read(row: &PgRow, room_id: RoomId, seq: Seq) -> Result<PastCall, sqlx::Error> {
    let (started_at, ended_at): (Time, Option<Time>) = (row.try_get("started_at")?, row.try_get("ended_at")?);
    Ok(PastCall {
        call_id: CallId::from_uuid(row.try_get("id")?),
        room_id,
        started_by: columns::user(row, "started_by")?,
        started_at,
        ended_at,
        // Gateways' clocks differ a little.
        duration_s: ended_at.map(|ended_at| (ended_at - started_at).num_seconds().max(0)),
        seats: row.try_get("seats")?,
        participants: Vec::new(),
        seq,
    })
}

/// `None` for a call that nobody has joined.
fn read_stay(row: &PgRow) -> Result<Option<Stay>, sqlx::Error> {
    let Some(session) = row.try_get::<Option<_>, _>("session")? else { return Ok(None) };
    Ok(Some(Stay {
        session: SessionId::from_uuid(session),
        user_id: columns::user(row, "user_id")?,
        username: row.try_get("username")?,
        display_name: row.try_get("display_name")?,
        joined_at: row.try_get("joined_at")?,
        left_at: row.try_get("left_at")?,
    }))
}
