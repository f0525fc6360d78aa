//! How a gateway knows what was revoked: by its own hand, from the log, and from PostgreSQL.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use uuid::Uuid;
use voxlog_core::{
    clock::Time,
    id::{SessionId, UserId},
};

use super::{Identity, Revoked, token::LEEWAY};

/// How often PostgreSQL is asked. It matters only for what the log did not tell: what came before this node began to
/// follow, or while it could not.
const EVERY: Duration = Duration::from_secs(5);

/// How far what is asked for overlaps with what was asked before: a row's time is that of its transaction's beginning,
/// by its gateway's clock.
const OVERLAP: TimeDelta = TimeDelta::minutes(1);

/// How long a node that starts waits for PostgreSQL's answer before it serves without.
const AT_START: Duration = Duration::from_secs(1);

impl Identity {
    /// What is refused although it verifies. The hub adds what the log tells.
    pub fn revoked(&self) -> &Arc<Revoked> {
        &self.revoked
    }

    /// How long a revocation must be known: after that no token of it verifies.
    pub fn known_until(&self, revoked_at: Time) -> Time {
        revoked_at + self.access_ttl + LEEWAY
    }

    /// Learns what was revoked before this node began to follow the log, if PostgreSQL answers soon.
    pub async fn learn_at_start(&self) {
        let since = self.clock.now() - self.access_ttl - OVERLAP;
        let learnt = tokio::time::timeout(AT_START, self.learn_since(since)).await;
        if !matches!(learnt, Ok(Ok(()))) {
            tracing::debug!("what was revoked before is not known yet");
        }
    }

    /// Asks PostgreSQL again and again, without end.
    pub(super) async fn learn(&self) {
        let mut since = self.clock.now() - self.access_ttl - OVERLAP;
        loop {
            let now = self.clock.now();
            // After an outage the first answer covers all of it.
            if self.learn_since(since).await.is_ok() {
                since = now - OVERLAP;
            }
            self.revoked.forget(now);
            tokio::time::sleep(EVERY).await;
        }
    }

    /// This node has revoked these, and the log will tell the others.
    pub(super) fn revoked_just_now(&self, sessions: &[SessionId]) {
        let until = self.known_until(self.clock.now());
        for session in sessions {
            self.revoked.note(*session, until);
        }
        self.outgoing.notify_one();
    }

    async fn learn_since(&self, since: Time) -> Result<(), sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT id, revoked_at FROM identity.sessions WHERE revoked_at > $1
             UNION ALL SELECT id, revoked_at FROM identity.api_keys WHERE revoked_at > $1",
        );
        let rows: Vec<(Uuid, Time)> = select.bind(since).fetch_all(&self.pool).await?;
        for (id, revoked_at) in rows {
            self.revoked.note(SessionId::from_uuid(id), self.known_until(revoked_at));
        }
        let select = sqlx::query_as("SELECT user_id, asked_at FROM identity.erasures WHERE asked_at > $1");
        let rows: Vec<(Uuid, Time)> = select.bind(since).fetch_all(&self.pool).await?;
        for (id, asked_at) in rows {
            self.revoked.note_user(UserId::from_uuid(id), self.known_until(asked_at));
        }
        Ok(())
    }
}
