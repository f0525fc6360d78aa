//! Sign-ins: the list of one's own, and their end.
//!
//! A sign-in ends in one transaction with the fact that tells the log of it. The gateway that ended it refuses its
//! tokens at once, the others when they have the fact from the log: within a second.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{FromRow, PgConnection, PgPool, Row, postgres::PgRow};
use uuid::Uuid;
use voxlog_core::{
    clock::{Clock, Time},
    id::{SessionId, UserId},
    user,
};

use super::{Caller, Identity, outbox};
use crate::error::{Code, Failure};

/// A sign-in that is good for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    /// Names it.
    pub id: SessionId,
    /// Since when.
    pub created_at: Time,
    /// When it was refreshed last, or else began.
    pub last_used_at: Time,
    /// When it ends unless it is refreshed before.
    pub expires_at: Time,
    /// Whether it is the one that asks.
    pub current: bool,
    /// What the client called itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

impl Identity {
    /// The caller's sign-ins, the latest first: at most `limit` of those that began before `after`, and whether there
    /// are more.
    pub async fn sign_ins(
        &self,
        caller: &Caller,
        after: Option<SessionId>,
        limit: usize,
    ) -> Result<(Vec<SignIn>, bool), Failure> {
        let rows = list(&self.pool, caller.user, after, limit, self.clock.now()).await?;
        let has_more = rows.len() > limit;
        let current = |row: SignIn| SignIn { current: row.id == caller.session, ..row };
        Ok((rows.into_iter().take(limit).map(current).collect(), has_more))
    }

    /// Ends one sign-in of a user. One that has ended already is no error.
    pub async fn end_sign_in(&self, user: UserId, session: SessionId) -> Result<(), Failure> {
        let mut transaction = self.pool.begin().await?;
        let ended = revoke(&mut transaction, user, Some(session), &*self.clock).await?;
        if ended.is_empty() && !exists(&mut transaction, user, session).await? {
            return Err(Failure::new(Code::NotFound, "there is no such sign-in"));
        }
        transaction.commit().await?;
        self.revoked_just_now(&ended);
        Ok(())
    }

    /// Ends all sign-ins of a user.
    pub async fn end_all_sign_ins(&self, user: UserId) -> Result<(), Failure> {
        let mut transaction = self.pool.begin().await?;
        let ended = revoke(&mut transaction, user, None, &*self.clock).await?;
        transaction.commit().await?;
        self.revoked_just_now(&ended);
        Ok(())
    }
}

/// Marks one sign-in of a user, or all, as ended, and tells the log so. Gives those that had not ended before.
pub(super) async fn revoke(
    connection: &mut PgConnection,
    user: UserId,
    only: Option<SessionId>,
    clock: &dyn Clock,
) -> Result<Vec<SessionId>, Failure> {
    let ended: Vec<Uuid> = sqlx::query_scalar(
        "UPDATE identity.sessions SET revoked_at = $3
         WHERE user_id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR id = $2) RETURNING id",
    )
    .bind(user.as_uuid())
    .bind(only.map(SessionId::as_uuid))
    .bind(clock.now())
    .fetch_all(&mut *connection)
    .await?;
    let ended: Vec<_> = ended.into_iter().map(SessionId::from_uuid).collect();
    for &session_id in &ended {
        let fact = user::Event::SessionRevoked { user_id: user, session_id };
        outbox::put(connection, user, fact, clock).await?;
    }
    Ok(ended)
}

async fn exists(connection: &mut PgConnection, user: UserId, session: SessionId) -> Result<bool, Failure> {
    let select = "SELECT EXISTS (SELECT FROM identity.sessions WHERE user_id = $1 AND id = $2)";
    Ok(sqlx::query_scalar(select).bind(user.as_uuid()).bind(session.as_uuid()).fetch_one(connection).await?)
}

/// One more than `limit`, to know whether there are more. An id tells when the sign-in began, so it is the order.
async fn list(
    pool: &PgPool,
    user: UserId,
    after: Option<SessionId>,
    limit: usize,
    now: Time,
) -> Result<Vec<SignIn>, Failure> {
    let select = sqlx::query_as(
        "SELECT id, created_at, coalesce(last_used_at, created_at) AS last_used_at, expires_at, user_agent
         FROM identity.sessions
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
    );
    let rows = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
    Ok(select.bind(user.as_uuid()).bind(now).bind(after.map(SessionId::as_uuid)).bind(rows).fetch_all(pool).await?)
}

impl FromRow<'_, PgRow> for SignIn {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: SessionId::from_uuid(row.try_get("id")?),
            created_at: row.try_get("created_at")?,
            last_used_at: row.try_get("last_used_at")?,
            expires_at: row.try_get("expires_at")?,
            current: false,
            user_agent: row.try_get("user_agent")?,
        })
    }
}
