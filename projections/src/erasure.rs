//! Who was erased, and what goes with them.
//!
//! This is the one read model that changes rows of other owners: what somebody wrote stands in rooms, in other partitions
//! than their own chain. So a message may be met before its author's erasure or after it, and both must come to the same
//! rows: an erasure takes away whatever stands, and what comes of an erased user later is passed over. Nothing may fall
//! between the two, so every transaction that applies events holds the table of the erased, and one that erases holds
//! it alone.

use std::collections::HashSet;

use async_trait::async_trait;
use sqlx::{PgConnection, Row};
use uuid::Uuid;
use voxlog_core::{clock::Time, envelope::Header, erasure, event::Event, id::UserId, log::Stored, user};

use crate::{
    ReadModel,
    projection::{Applied, Projection},
};

/// What stands in the event of an erasure. In a text its quotes would be escaped.
const ERASED: &str = r#""type":"voxlog.user.erased."#;

/// Types of events, without their versions, that leave nothing in the read models when whoever did it was erased.
const PASSED_OVER: [&str; 6] = [
    "voxlog.message.posted.",
    "voxlog.message.edited.",
    "voxlog.reaction.added.",
    "voxlog.read.marked.",
    "voxlog.user.registered.",
    "voxlog.user.updated.",
];

/// The read model of those who were erased.
#[derive(Debug)]
pub struct Erasures;

#[async_trait]
impl Projection for Erasures {
    fn name(&self) -> &'static str {
        "erasures"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["erased_users"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        for event in events {
            if let Event::User(user::Event::Erased { user_id }) = &event.envelope.event {
                remember(tx, *user_id, event.time()).await?;
                take_away(tx, *user_id).await?;
                unpark(tx, *user_id).await?;
            }
        }
        Ok(())
    }
}

async fn remember(tx: &mut PgConnection, user: UserId, at: Time) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO erased_users (id, erased_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    sqlx::query(insert).bind(user.as_uuid()).bind(at).execute(tx).await?;
    Ok(())
}

/// With a message goes what others made of it: without the message a rebuild would not know what they mean.
async fn take_away(tx: &mut PgConnection, user: UserId) -> Result<(), sqlx::Error> {
    let statements = [
        "WITH gone AS (DELETE FROM messages WHERE author_id = $1 RETURNING room_id, id),
             reacted AS (DELETE FROM reactions AS t USING gone WHERE t.room_id = gone.room_id AND t.message_id = gone.id),
             pinned AS (DELETE FROM pins AS t USING gone WHERE t.room_id = gone.room_id AND t.message_id = gone.id)
         DELETE FROM mentions AS t USING gone WHERE t.room_id = gone.room_id AND t.message_id = gone.id",
        "DELETE FROM reactions WHERE user_id = $1",
        "DELETE FROM markers WHERE user_id = $1",
        "DELETE FROM last_seen WHERE user_id = $1",
        "DELETE FROM users WHERE id = $1",
    ];
    for statement in statements {
        sqlx::query(statement).bind(user.as_uuid()).execute(&mut *tx).await?;
    }
    Ok(())
}

/// An event that could not be applied waits with all that it says.
async fn unpark(tx: &mut PgConnection, user: UserId) -> Result<(), sqlx::Error> {
    let rows = sqlx::query("SELECT partition, seq, payload FROM parked_events").fetch_all(&mut *tx).await?;
    for row in rows {
        if erasure::is_of(user, row.try_get("payload")?) {
            let delete = "DELETE FROM parked_events WHERE partition = $1 AND seq = $2";
            let query = sqlx::query(delete).bind(row.try_get::<i32, _>("partition")?);
            query.bind(row.try_get::<i64, _>("seq")?).execute(&mut *tx).await?;
        }
    }
    Ok(())
}

/// Of records that are to be applied in this transaction, those that leave something. From here on, until it ends, no
/// other transaction erases one of their users; where one of the records erases, no other applies anything.
pub(crate) async fn those_that_count<'a, T: Record>(
    tx: &mut PgConnection,
    records: &'a [T],
) -> Result<Vec<&'a T>, sqlx::Error> {
    const WITH_OTHERS: &str = "LOCK TABLE erased_users IN ROW EXCLUSIVE MODE";
    const ALONE: &str = "LOCK TABLE erased_users IN EXCLUSIVE MODE";
    let erases = records.iter().any(|record| std::str::from_utf8(record.payload()).is_ok_and(|it| it.contains(ERASED)));
    // Chosen before anything is done: who has the weaker lock could wait for the stronger one for ever.
    sqlx::query(if erases { ALONE } else { WITH_OTHERS }).execute(&mut *tx).await?;
    let headers: Vec<_> = records.iter().map(|record| Header::read(record.payload()).ok()).collect();
    let actors: HashSet<Uuid> = headers.iter().flatten().map(|header| header.actor.as_uuid()).collect();
    let select = "SELECT id FROM erased_users WHERE id = ANY($1)";
    let actors: Vec<Uuid> = actors.into_iter().collect();
    let gone: Vec<Uuid> = sqlx::query_scalar(select).bind(actors).fetch_all(tx).await?;
    let mut gone: HashSet<Uuid> = gone.into_iter().collect();
    // Events of one owner may pass those of another on their way into the tables, so all that the erased one did in the
    // same transaction is passed over, whether it stands before the erasure or behind it.
    let erasures = headers.iter().flatten().filter(|header| header.kind.starts_with("voxlog.user.erased."));
    gone.extend(erasures.map(|header| header.actor.as_uuid()));
    let counts = |header: &Header<'_>| {
        let leaves_something = PASSED_OVER.iter().any(|kind| header.kind.starts_with(kind));
        !(leaves_something && gone.contains(&header.actor.as_uuid()))
    };
    let pairs = records.iter().zip(&headers);
    Ok(pairs.filter(|(_, header)| header.as_ref().is_none_or(counts)).map(|(record, _)| record).collect())
}

/// Something that has an event's bytes.
pub(crate) trait Record {
    /// The CloudEvent.
    fn payload(&self) -> &[u8];
}

impl Record for Stored {
    fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// When a user was erased, if they were.
pub async fn erased_at(db: &ReadModel, user: UserId) -> Result<Option<Time>, sqlx::Error> {
    let select = "SELECT erased_at FROM erased_users WHERE id = $1";
    sqlx::query_scalar(select).bind(user.as_uuid()).fetch_optional(db.pool()).await
}
