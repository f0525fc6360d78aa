//! Facts of identity on their way to the log, each delivered exactly once.
//!
//! The fact is stored in the transaction that made it true, its event already encoded under its id. A courier takes a
//! row, commits the event as the first of its user's chain, and deletes the row. Whatever dies in between, the next
//! courier commits the same bytes again, and the guard refuses them: the chain has its first event already. So no
//! window of duplicates matters, and any number of gateways may deliver.

use std::time::Duration;

use bytes::Bytes;
use sqlx::{FromRow, PgConnection, PgPool};
use tokio::{sync::Notify, time::timeout};
use uuid::Uuid;
use voxlog_core::{
    clock::Clock,
    envelope::{Envelope, Header},
    event::Subject,
    id::{CorrelationId, EventId, UserId},
    log::{AppendError, Commit, Guard, Log, ReadError, Record},
    position::{Chain, Seq},
    user,
};

use super::Account;
use crate::error::Failure;

/// How often a courier looks by itself: for rows of gateways that died, and for those that are due again.
const POLL: Duration = Duration::from_millis(500);
/// How long a row rests after its first failure; it doubles up to the longest.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Puts the first fact of a user's chain among those to be delivered.
pub(super) async fn put_registered(
    connection: &mut PgConnection,
    account: &Account,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    let envelope = Envelope {
        id: EventId::mint(clock),
        subject: Subject::User(account.id),
        time: clock.now(),
        actor: account.id,
        correlation: CorrelationId::mint(clock),
        causation: None,
        event: user::Event::Registered {
            user_id: account.id,
            username: account.username.clone(),
            display_name: None,
            guest: false,
        }
        .into(),
    };
    sqlx::query("INSERT INTO identity.outbox (event_id, user_id, payload, due_at) VALUES ($1, $2, $3, $4)")
        .bind(envelope.id.as_uuid())
        .bind(account.id.as_uuid())
        .bind(envelope.encode().as_ref())
        .bind(envelope.time)
        .execute(connection)
        .await?;
    Ok(())
}

/// Carries facts from the outbox to the log.
#[derive(Debug, Clone, Copy)]
pub struct Courier<'a> {
    /// Where the outbox is.
    pub pool: &'a PgPool,
    /// Where its facts go.
    pub log: &'a dyn Log,
    /// Tells which rows are due.
    pub clock: &'a dyn Clock,
}

#[derive(Debug, FromRow)]
struct Fact {
    event_id: Uuid,
    user_id: Uuid,
    payload: Vec<u8>,
    attempts: i32,
}

/// Why a fact is still here. It stays until it is delivered.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the user's chain begins with another event")]
    Foreign,
}

impl Courier<'_> {
    /// Delivers whatever there is and whatever comes, without end. May be dropped at any point.
    pub async fn run(&self, outgoing: &Notify) {
        let mut away = false;
        loop {
            match self.deliver_next().await {
                Ok(true) => away = false,
                Ok(false) => {
                    away = false;
                    // Rung, or time to look again: both mean to look.
                    let _ = timeout(POLL, outgoing.notified()).await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "the outbox waits for PostgreSQL");
                    }
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    /// Delivers one fact that is due, or puts it off when the log does not take it. False when none is due.
    pub async fn deliver_next(&self) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        // The lock keeps other couriers off while this one lives; it ends with the connection.
        let fact: Option<Fact> = sqlx::query_as(
            "SELECT event_id, user_id, payload, attempts FROM identity.outbox
             WHERE due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED",
        )
        .bind(self.clock.now())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(fact) = fact else { return Ok(false) };
        match self.commit(&fact).await {
            Ok(()) => {
                sqlx::query("DELETE FROM identity.outbox WHERE event_id = $1")
                    .bind(fact.event_id)
                    .execute(&mut *transaction)
                    .await?;
                metrics::counter!("voxlog_outbox_delivered_total").increment(1);
            }
            Err(error) => {
                tracing::error!(event.id = %fact.event_id, fact.attempts, %error, "a fact of identity was put off");
                self.put_off(&mut transaction, &fact).await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Afterwards the event is the first of its chain.
    async fn commit(&self, fact: &Fact) -> Result<(), Undelivered> {
        let id = EventId::from_uuid(fact.event_id);
        let chain = Chain::User(UserId::from_uuid(fact.user_id));
        let record = Record { id, chain, payload: Bytes::copy_from_slice(&fact.payload), ttl: None };
        let commit = Commit { records: vec![record], guard: Guard::Chain(Seq::ZERO), marker: None };
        match self.log.commit(commit).await {
            Ok(_) => Ok(()),
            Err(AppendError::Conflict { seen, .. }) if self.begins_with(chain, id, seen).await? => Ok(()),
            Err(AppendError::Conflict { .. }) => Err(Undelivered::Foreign),
            Err(error) => Err(error.into()),
        }
    }

    async fn begins_with(&self, chain: Chain, id: EventId, known: Seq) -> Result<bool, ReadError> {
        let first = self.log.read(chain, Seq::ZERO, 1, known).await?;
        Ok(first.first().and_then(|stored| Header::read(&stored.payload).ok()).is_some_and(|header| header.id == id))
    }

    async fn put_off(&self, connection: &mut PgConnection, fact: &Fact) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE identity.outbox SET attempts = attempts + 1, due_at = $2 WHERE event_id = $1")
            .bind(fact.event_id)
            .bind(self.clock.now() + rest(fact.attempts))
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// How long a fact rests after it has failed that many times before.
fn rest(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or_default().min(6);
    (FIRST_REST * 2_u32.pow(doublings)).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_rests_longer_each_time_and_never_for_good() {
        let seconds: Vec<u64> = [0, 1, 2, 5, 6, i32::MAX].map(|attempts| rest(attempts).as_secs()).into();
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60]);
    }
}
