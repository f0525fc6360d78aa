//! Sign-ins and API keys that were revoked, and users who are gone, while tokens of them may still verify.
//!
//! Every gateway learns of a revocation from the log, within milliseconds, through its hub's followers. What was revoked
//! before it began to follow, or while it could not, it reads from PostgreSQL. Either way may tell the same twice.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use uuid::Uuid;
use voxlog_core::{
    clock::Time,
    id::{SessionId, UserId},
};

/// What is refused although it verifies. Kept no longer than it could verify.
#[derive(Debug, Default)]
pub struct Revoked {
    until: RwLock<HashMap<Uuid, Time>>,
}

impl Revoked {
    /// From now on nothing of this sign-in, or of this API key, is good. It may be forgotten after `until`, when no token
    /// of it verifies any more.
    pub fn note(&self, session: SessionId, until: Time) {
        self.note_any(session.as_uuid(), until);
    }

    /// From now on nothing of this user's is good.
    pub fn note_user(&self, user: UserId, until: Time) {
        self.note_any(user.as_uuid(), until);
    }

    fn note_any(&self, id: Uuid, until: Time) {
        let mut known = self.until.write().unwrap_or_else(PoisonError::into_inner);
        let kept = known.entry(id).or_insert(until);
        *kept = until.max(*kept);
    }

    /// Whether this sign-in, or API key, of this user was revoked, or the user is gone.
    pub fn holds(&self, session: SessionId, user: UserId) -> bool {
        let known = self.until.read().unwrap_or_else(PoisonError::into_inner);
        known.contains_key(&session.as_uuid()) || known.contains_key(&user.as_uuid())
    }

    /// Forgets what can't verify any more by itself.
    pub(super) fn forget(&self, now: Time) {
        self.until.write().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use voxlog_core::clock::{Clock, SystemClock};

    use super::*;

    #[test]
    fn what_was_revoked_is_kept_for_as_long_as_it_could_verify() {
        let (revoked, now) = (Revoked::default(), SystemClock.now());
        let (session, user) = (SessionId::mint(&SystemClock), UserId::mint(&SystemClock));
        assert!(!revoked.holds(session, user));
        revoked.note(session, now + TimeDelta::seconds(2));
        revoked.note(session, now + TimeDelta::seconds(1));
        revoked.forget(now + TimeDelta::seconds(1));
        assert!(revoked.holds(session, user), "told twice, the later end counts");
        revoked.forget(now + TimeDelta::seconds(2));
        assert!(!revoked.holds(session, user));
        revoked.note_user(user, now);
        assert!(revoked.holds(session, user), "who is gone has no sign-in");
    }
}
