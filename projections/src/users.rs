//! Who has an account. What is private to them is not here: PostgreSQL's schema `identity` owns it.

use async_trait::async_trait;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;
use voxlog_core::{clock::Time, event::Event, id::UserId, user};

use crate::{ReadModel, columns, projection::Applied, projection::Projection};

/// A user as everybody may see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Unique, 3 to 32 characters.
    pub username: String,
    /// Since when.
    pub registered_at: Time,
}

/// The read model of users.
#[derive(Debug)]
pub struct Users;

#[async_trait]
impl Projection for Users {
    fn name(&self) -> &'static str {
        "users"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["users"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        let (mut ids, mut names, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for event in events {
            if let Event::User(user::Event::Registered { user_id, username, .. }) = &event.envelope.event {
                ids.push(user_id.as_uuid());
                names.push(columns::text(username));
                times.push(event.time());
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let insert = "INSERT INTO users (id, username, registered_at)
             SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::timestamptz[]) ON CONFLICT DO NOTHING";
        sqlx::query(insert).bind(ids).bind(names).bind(times).execute(tx).await?;
        Ok(())
    }
}

/// One user.
pub async fn user(db: &ReadModel, id: UserId) -> Result<Option<User>, sqlx::Error> {
    Ok(users(db, &[id]).await?.pop())
}

/// Those of the given users that exist, in no order.
pub async fn users(db: &ReadModel, ids: &[UserId]) -> Result<Vec<User>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let select = "SELECT id, username, registered_at FROM users WHERE id = ANY($1)";
    let rows = sqlx::query(select).bind(ids).fetch_all(db.pool()).await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<User, sqlx::Error> {
    Ok(User {
        id: columns::user(row, "id")?,
        username: row.try_get("username")?,
        registered_at: row.try_get("registered_at")?,
    })
}
