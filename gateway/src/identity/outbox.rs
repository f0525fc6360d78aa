//! Facts of identity on their way to the log: each delivered exactly once, a user's in the order of their commits.
//!
//! The fact is stored in the transaction that made it true, its event already encoded under its id. A courier takes the
//! oldest of a user, commits the event to the end of the user's chain, and deletes the row. Whatever dies in between,
//! the next courier looks for the event between the last fact that was delivered and the guard under which it commits,
//! so it finds what is there and adds what is not. So no window of duplicates matters, any number of gateways may
//! deliver, and others may append to the same chain meanwhile.

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

use crate::error::Failure;

/// How often a courier looks by itself: for rows of gateways that died, and for those that are due again.
const POLL: Duration = Duration::from_millis(500);
/// How long a row rests after its first failure; it doubles up to the longest.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_mins(1);

/// How often a fact is tried in a row while others move its chain: they do it some times a second at most.
const TRIES: usize = 100;

/// How much of a chain is looked through at once.
const PAGE: usize = 500;

/// Puts a user's next fact among those to be delivered. Until the transaction ends nobody else adds one of that user: so
/// the order of the rows is that of the commits.
pub(super) async fn put(
    connection: &mut PgConnection,
    user: UserId,
    event: user::Event,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO identity.chains AS c (user_id) VALUES ($1)
         ON CONFLICT (user_id) DO UPDATE SET told_seq = c.told_seq",
    )
    .bind(user.as_uuid())
    .execute(&mut *connection)
    .await?;
    let envelope = Envelope {
        id: EventId::mint(clock),
        subject: Subject::User(user),
        time: clock.now(),
        actor: user,
        correlation: CorrelationId::mint(clock),
        causation: None,
        event: event.into(),
    };
    sqlx::query("INSERT INTO identity.outbox (event_id, user_id, payload, due_at) VALUES ($1, $2, $3, $4)")
        .bind(envelope.id.as_uuid())
        .bind(user.as_uuid())
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
    /// Where the user's fact before this one stands, or earlier.
    told_seq: i64,
}

/// Why a fact is still here. It stays until it is delivered.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the user's chain is changing too fast")]
    Contended,
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
        // The lock keeps other couriers off while this one lives; it ends with the connection. While it is held, the
        // row keeps the user's later facts waiting.
        let fact: Option<Fact> = sqlx::query_as(
            "SELECT o.event_id, o.user_id, o.payload, o.attempts, coalesce(c.told_seq, 0) AS told_seq
             FROM identity.outbox o LEFT JOIN identity.chains c ON c.user_id = o.user_id
             WHERE o.due_at <= $1 AND NOT EXISTS (
                 SELECT FROM identity.outbox earlier WHERE earlier.user_id = o.user_id AND earlier.number < o.number
             )
             ORDER BY o.due_at LIMIT 1 FOR UPDATE OF o SKIP LOCKED",
        )
        .bind(self.clock.now())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(fact) = fact else { return Ok(false) };
        match self.commit(&fact).await {
            Ok(seq) => delivered(&mut transaction, &fact, seq).await?,
            Err(error) => {
                tracing::error!(event.id = %fact.event_id, fact.attempts, %error, "a fact of identity was put off");
                self.put_off(&mut transaction, &fact).await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Afterwards the event stands in its chain, once: there.
    async fn commit(&self, fact: &Fact) -> Result<Seq, Undelivered> {
        let id = EventId::from_uuid(fact.event_id);
        let chain = Chain::User(UserId::from_uuid(fact.user_id));
        let mut last = Seq(u64::try_from(fact.told_seq).unwrap_or_default());
        for _ in 0..TRIES {
            let record = Record { id, chain, payload: Bytes::copy_from_slice(&fact.payload), ttl: None };
            let commit = Commit { records: vec![record], guard: Guard::Chain(last), marker: None };
            let seen = match self.log.commit(commit).await {
                Ok(appended) => return Ok(appended.seq),
                Err(AppendError::Conflict { seen, .. }) => seen,
                Err(error) => return Err(error.into()),
            };
            match self.look(chain, id, last, seen).await? {
                Looked::Found(seq) => return Ok(seq),
                Looked::Nothing { last: end } if end > last => last = end,
                // The guard does not hold, and yet nothing stands there: the log will tell more later.
                Looked::Nothing { .. } => break,
            }
        }
        Err(Undelivered::Contended)
    }

    /// Looks for an event after `after`, in a chain that has come to `known` at least.
    async fn look(&self, chain: Chain, id: EventId, after: Seq, known: Seq) -> Result<Looked, ReadError> {
        let mut last = after;
        loop {
            let page = self.log.read(chain, last, PAGE, known).await?;
            for stored in &page {
                last = stored.seq;
                if Header::read(&stored.payload).is_ok_and(|header| header.id == id) {
                    return Ok(Looked::Found(last));
                }
            }
            if page.len() < PAGE {
                return Ok(Looked::Nothing { last });
            }
        }
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

/// What a look through a chain came to.
enum Looked {
    /// The event stands there.
    Found(Seq),
    /// It does not, up to the chain's last seq.
    Nothing { last: Seq },
}

async fn delivered(connection: &mut PgConnection, fact: &Fact, seq: Seq) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM identity.outbox WHERE event_id = $1")
        .bind(fact.event_id)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO identity.chains AS c (user_id, told_seq) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET told_seq = greatest(c.told_seq, excluded.told_seq)",
    )
    .bind(fact.user_id)
    .bind(i64::try_from(seq.0).unwrap_or_default())
    .execute(connection)
    .await?;
    metrics::counter!("voxlog_outbox_delivered_total").increment(1);
    Ok(())
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
