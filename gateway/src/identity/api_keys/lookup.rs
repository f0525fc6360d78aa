//! Whose key it is.
//!
//! A key is looked up once in some seconds per gateway, not once per request. Its revocation does not wait for that: the
//! log tells every gateway, as with sign-ins. So a key that was looked up is good for as long as an access token while
//! PostgreSQL is away.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use sqlx::Row;
use uuid::Uuid;
use voxlog_core::{
    clock::Time,
    id::{SessionId, UserId},
};

use super::{KEY_CHARS, hash, scopes};
use crate::{
    error::{Code, Failure},
    identity::{Caller, Credential, Identity, Scopes},
};

/// How long a looked-up key is taken for good without another look.
const FRESH: Duration = Duration::from_secs(5);

/// How many keys are remembered at once, at some 150 bytes each.
const REMEMBERED: usize = 10_000;

/// How exactly a key's last use is known: a write a minute, not one per request.
const LAST_USE_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// Keys that were looked up lately.
#[derive(Debug, Default)]
pub(in crate::identity) struct Lately(Mutex<HashMap<[u8; 32], (Instant, Caller)>>);

impl Lately {
    /// What a key was when it was looked up, and how long that is ago.
    fn get(&self, hash: &[u8; 32]) -> Option<(Duration, Caller)> {
        self.lock().get(hash).map(|(seen, caller)| (seen.elapsed(), *caller))
    }

    /// Whether this key needs no other look.
    pub(in crate::identity) fn knows(&self, key: &str) -> bool {
        self.get(&hash(key)).is_some_and(|(age, _)| age < FRESH)
    }

    fn put(&self, hash: [u8; 32], caller: Caller) {
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            // So many keys within seconds: forgetting all costs each of them one look.
            known.clear();
        }
        known.insert(hash, (Instant::now(), caller));
    }

    fn forget(&self, hash: &[u8; 32]) {
        self.lock().remove(hash);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Instant, Caller)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identity {
    /// Who holds this key.
    pub(in crate::identity) async fn holder_of(&self, key: &str) -> Result<Caller, Failure> {
        let refused = || Failure::new(Code::Unauthenticated, "the API key is not valid");
        if key.len() != KEY_CHARS {
            return Err(refused());
        }
        let hash = hash(key);
        let lately = self.api_keys.get(&hash);
        let caller = match lately {
            Some((age, caller)) if age < FRESH => caller,
            _ => match (self.look_up(&hash).await, lately) {
                (Ok(Some(caller)), _) => {
                    self.api_keys.put(hash, caller);
                    caller
                }
                (Ok(None), _) => {
                    self.api_keys.forget(&hash);
                    return Err(refused());
                }
                (Err(Failure { code: Code::Unavailable, .. }), Some((age, caller))) if age < self.access_ttl => caller,
                (Err(failure), _) => return Err(failure),
            },
        };
        if self.revoked.holds(caller.session, caller.user) || caller.expires.is_some_and(|end| end <= self.clock.now())
        {
            return Err(refused());
        }
        Ok(caller)
    }

    async fn look_up(&self, hash: &[u8; 32]) -> Result<Option<Caller>, Failure> {
        let row = sqlx::query(
            "SELECT k.id, k.user_id, k.scopes, k.expires_at, k.last_used_at, a.operator
             FROM identity.api_keys k JOIN identity.accounts a ON a.id = k.user_id
             WHERE k.hash = $1 AND k.revoked_at IS NULL",
        )
        .bind(hash.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let id = row.try_get::<Uuid, _>("id")?;
        let (now, last) = (self.clock.now(), row.try_get::<Option<Time>, _>("last_used_at")?);
        if last.is_none_or(|last| last + LAST_USE_WITHIN <= now) {
            let used = sqlx::query("UPDATE identity.api_keys SET last_used_at = $2 WHERE id = $1");
            used.bind(id).bind(now).execute(&self.pool).await?;
        }
        Ok(Some(Caller {
            user: UserId::from_uuid(row.try_get("user_id")?),
            session: SessionId::from_uuid(id),
            expires: row.try_get("expires_at")?,
            guest: false,
            scopes: scopes(&row)?.into_iter().collect::<Scopes>().granted_to(row.try_get("operator")?),
            credential: Credential::ApiKey,
        }))
    }
}
