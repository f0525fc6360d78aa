//! The end of an account, and the list of what is still to be done about it.
//!
//! In one transaction the account goes, with its sign-ins, keys and factors, and a task stands in its place. What remains
//! is others' to do, in [`Stage`]s, and each of them may be done again from its beginning: whatever dies over it, the
//! task is due again some seconds later, to any gateway.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow, types::Json};
use uuid::Uuid;
use voxlog_core::{
    clock::Time,
    erasure,
    id::UserId,
    position::{Partition, Seq},
    user,
};

use super::{Identity, accounts, api_keys, outbox, sessions};
use crate::error::Failure;

/// How long a task is somebody's before it may be another's. Whoever is at it renews that.
const LEASE: Duration = Duration::from_secs(10);

/// How long gateways get to forget what they hold, after they have been told and before it leaves the log.
const SETTLE: Duration = Duration::from_secs(2);

/// What shows that it is the owner who wants to be gone.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Farewell {
    /// The account's password; a guest has none.
    #[serde(default)]
    pub password: Option<String>,
}

/// What is to be done next about somebody who wants to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// To give up their seats.
    Leaving,
    /// To take what they wrote out of the log.
    Deleting,
    /// To look once more, when no token of theirs can verify anywhere.
    Watching,
    /// Nothing.
    Done,
}

/// Somebody who wants to be gone.
#[derive(Debug)]
pub struct Task {
    /// Who.
    pub user: UserId,
    /// When they said so.
    pub asked_at: Time,
    /// What is next.
    pub stage: Stage,
    /// Up to where the log has been looked through.
    pub scanned: BTreeMap<Partition, Seq>,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Leaving, Self::Deleting, Self::Watching, Self::Done];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Leaving => "leaving",
            Self::Deleting => "deleting",
            Self::Watching => "watching",
            Self::Done => "done",
        }
    }
}

impl Identity {
    /// Ends an account. From here on no token of it is good here, and within a second none is anywhere. Its name and its
    /// address are free.
    pub async fn erase(&self, user: UserId, farewell: Farewell) -> Result<(), Failure> {
        let account = self.account(user).await?.ok_or_else(accounts::gone)?;
        if !account.guest {
            let password = farewell.password.ok_or_else(|| Failure::invalid("password", "is missing"))?;
            let hash = accounts::password_of(&self.pool, user).await?;
            if !self.passwords.verify(password, hash).await? {
                return Err(Failure::invalid("password", "is wrong"));
            }
        }
        let mut transaction = self.pool.begin().await?;
        accounts::lock(&mut transaction, user).await?.ok_or_else(accounts::gone)?;
        // Before anything else is put there: a courier too locks a fact first, and the user's chain after it.
        forget_undelivered(&mut transaction, user).await?;
        let mut ended = sessions::revoke(&mut transaction, user, None, &*self.clock).await?;
        ended.extend(api_keys::revoke_all(&mut transaction, user, &*self.clock).await?);
        sqlx::query("DELETE FROM identity.accounts WHERE id = $1")
            .bind(user.as_uuid())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO identity.erasures (user_id, asked_at, stage, due_at) VALUES ($1, $2, 'leaving', $2)")
            .bind(user.as_uuid())
            .bind(self.clock.now())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.revoked.note_user(user, self.known_until(self.clock.now()));
        self.revoked_just_now(&ended);
        Ok(())
    }

    /// A task that is due, which is the caller's for some seconds. Each step that it reports renews that.
    pub async fn due_erasure(&self) -> Result<Option<Task>, Failure> {
        let now = self.clock.now();
        let claim = sqlx::query_as(
            "UPDATE identity.erasures SET due_at = $2 WHERE user_id = (
                 SELECT user_id FROM identity.erasures WHERE stage <> 'done' AND due_at <= $1
                 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
             ) RETURNING user_id, asked_at, stage, scanned",
        );
        Ok(claim.bind(now).bind(now + LEASE).fetch_optional(&self.pool).await?)
    }

    /// Those whose words may still stand in the log.
    pub async fn being_erased(&self) -> Result<Vec<UserId>, Failure> {
        let select = "SELECT user_id FROM identity.erasures WHERE stage IN ('leaving', 'deleting')";
        let users: Vec<Uuid> = sqlx::query_scalar(select).fetch_all(&self.pool).await?;
        Ok(users.into_iter().map(UserId::from_uuid).collect())
    }

    /// They are in no room any more: the log is told that they are gone, and what they wrote may go.
    pub async fn has_left(&self, user: UserId) -> Result<(), Failure> {
        let mut transaction = self.pool.begin().await?;
        let update = "UPDATE identity.erasures SET stage = 'deleting', due_at = $2
             WHERE user_id = $1 AND stage = 'leaving'";
        let due_at = self.clock.now() + SETTLE;
        let moved = sqlx::query(update).bind(user.as_uuid()).bind(due_at).execute(&mut *transaction).await?;
        if moved.rows_affected() == 1 {
            outbox::put(&mut transaction, user, user::Event::Erased { user_id: user }, &*self.clock).await?;
        }
        transaction.commit().await?;
        self.outgoing.notify_one();
        Ok(())
    }

    /// Whether the log has all that identity had to tell of a user.
    pub async fn has_told_all(&self, user: UserId) -> Result<bool, Failure> {
        let select = "SELECT NOT EXISTS (SELECT FROM identity.outbox WHERE user_id = $1)";
        Ok(sqlx::query_scalar(select).bind(user.as_uuid()).fetch_one(&self.pool).await?)
    }

    /// A partition was looked through up to there.
    pub async fn has_scanned(&self, user: UserId, partition: Partition, seq: Seq) -> Result<(), Failure> {
        let update = "UPDATE identity.erasures SET scanned = scanned || jsonb_build_object($2::text, $3::bigint),
                 due_at = $4 WHERE user_id = $1";
        sqlx::query(update)
            .bind(user.as_uuid())
            .bind(partition.to_string())
            .bind(i64::try_from(seq.0).unwrap_or(i64::MAX))
            .bind(self.clock.now() + LEASE)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What they wrote is out of the log. A gateway that was cut off may not have heard of it, so when their last token
    /// has expired it is looked once more.
    pub async fn has_deleted(&self, task: &Task) -> Result<(), Failure> {
        self.put_off_erasure(task.user, Stage::Watching, self.known_until(task.asked_at)).await
    }

    /// Nothing is left to be done.
    pub async fn has_erased(&self, user: UserId) -> Result<(), Failure> {
        self.put_off_erasure(user, Stage::Done, self.clock.now()).await
    }

    async fn put_off_erasure(&self, user: UserId, stage: Stage, due_at: Time) -> Result<(), Failure> {
        let update = "UPDATE identity.erasures SET stage = $2, due_at = $3 WHERE user_id = $1";
        let query = sqlx::query(update).bind(user.as_uuid()).bind(stage.as_str()).bind(due_at);
        query.execute(&self.pool).await?;
        Ok(())
    }
}

/// Facts with a name in them that the log does not have yet shall not get there. One that is on its way is waited for.
async fn forget_undelivered(connection: &mut PgConnection, user: UserId) -> Result<(), Failure> {
    let select = "SELECT event_id, payload FROM identity.outbox WHERE user_id = $1 FOR UPDATE";
    let rows: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(select).bind(user.as_uuid()).fetch_all(&mut *connection).await?;
    let named = rows.into_iter().filter(|(_, payload)| erasure::is_of(user, payload));
    let named: Vec<Uuid> = named.map(|(id, _)| id).collect();
    sqlx::query("DELETE FROM identity.outbox WHERE event_id = ANY($1)").bind(named).execute(connection).await?;
    Ok(())
}

impl FromRow<'_, PgRow> for Task {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (stage, scanned): (String, Json<BTreeMap<u16, u64>>) = (row.try_get("stage")?, row.try_get("scanned")?);
        let known = Stage::ALL.into_iter().find(|known| known.as_str() == stage);
        Ok(Self {
            user: UserId::from_uuid(row.try_get("user_id")?),
            asked_at: row.try_get("asked_at")?,
            stage: known.ok_or_else(|| sqlx::Error::Decode(format!("an unknown stage {stage}").into()))?,
            scanned: scanned.0.into_iter().map(|(partition, seq)| (Partition(partition), Seq(seq))).collect(),
        })
    }
}
