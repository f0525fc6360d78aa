//! API keys: for programs that act for somebody. Shown once, stored as their SHA-256.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;
use voxlog_core::{
    clock::{Clock, Time},
    id::{SessionId, UserId},
    user,
};

use super::{
    Identity, accounts, outbox,
    scope::{Scope, Scopes},
};
use crate::error::{Code, Failure};

mod lookup;

pub(super) use lookup::Lately;

/// What every key begins with, so that it is found where it should not be.
const BEGIN: &str = "vxk_";

/// Letters and digits of the part that is shown later.
const PREFIX_CHARS: usize = 8;

/// `vxk_`, the prefix, `_`, 43 characters of base64.
const KEY_CHARS: usize = BEGIN.len() + PREFIX_CHARS + 1 + 43;

/// How many keys a user may have.
const MAX_KEYS: i64 = 50;

const MAX_NAME_CHARS: usize = 64;

/// A key as its owner sees it, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Names it.
    pub id: SessionId,
    /// What its owner calls it.
    pub name: String,
    /// How the key begins: `vxk_` and eight characters.
    pub prefix: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Since when.
    pub created_at: Time,
    /// When it ends; absent means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When it was used last, to about a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
}

/// A key that somebody wants.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewApiKey {
    /// What to call it, 1 to 64 characters.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What it shall be good for.
    #[schemars(length(min = 1))]
    pub scopes: Vec<Scope>,
    /// When it shall end; absent means never.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

/// A key that was just made. Shows nothing of its secret.
#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeApiKey {
    /// The key, for `Authorization: Bearer` or `X-API-Key`. Told once.
    pub key: String,
    /// What it is.
    #[serde(flatten)]
    pub about: ApiKey,
}

impl fmt::Debug for MadeApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadeApiKey").field("about", &self.about).finish_non_exhaustive()
    }
}

/// Whether a credential is meant for an API key; an access token never looks like one.
pub(super) fn is_one(credential: &str) -> bool {
    credential.starts_with(BEGIN)
}

impl Identity {
    /// Makes a key that acts for the user.
    pub async fn make_api_key(&self, user: UserId, wanted: NewApiKey) -> Result<MadeApiKey, Failure> {
        let now = self.clock.now();
        accounts::all_sound([
            ("name", check_name(&wanted.name)),
            ("scopes", if wanted.scopes.is_empty() { Err("must name at least one scope") } else { Ok(()) }),
            ("expiresAt", if wanted.expires_at.is_some_and(|end| end <= now) { Err("has passed") } else { Ok(()) }),
        ])?;
        let mut transaction = self.pool.begin().await?;
        let account = accounts::lock(&mut transaction, user).await?.ok_or_else(accounts::gone)?;
        if account.guest {
            return Err(Failure::new(Code::Forbidden, "a guest has no API keys"));
        }
        let scopes: Scopes = wanted.scopes.into_iter().collect();
        if scopes.granted_to(account.operator) != scopes {
            return Err(Failure::new(Code::Forbidden, "only operators have API keys with the scope admin"));
        }
        let count = "SELECT count(*) FROM identity.api_keys WHERE user_id = $1 AND revoked_at IS NULL";
        if sqlx::query_scalar::<_, i64>(count).bind(user.as_uuid()).fetch_one(&mut *transaction).await? >= MAX_KEYS {
            return Err(Failure::new(Code::Conflict, "you have 50 API keys, revoke one first"));
        }
        let (key, prefix) = mint();
        let about = ApiKey {
            id: SessionId::mint(&*self.clock),
            name: wanted.name,
            prefix,
            scopes: scopes.iter().collect(),
            created_at: now,
            expires_at: wanted.expires_at,
            last_used_at: None,
        };
        sqlx::query(
            "INSERT INTO identity.api_keys (id, user_id, name, prefix, hash, scopes, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(about.id.as_uuid())
        .bind(user.as_uuid())
        .bind(&about.name)
        .bind(&about.prefix)
        .bind(hash(&key).to_vec())
        .bind(about.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>())
        .bind(now)
        .bind(about.expires_at)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(MadeApiKey { key, about })
    }

    /// The user's keys that are not revoked, the latest first.
    pub async fn api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, Failure> {
        let select = sqlx::query_as(
            "SELECT id, name, prefix, scopes, created_at, expires_at, last_used_at FROM identity.api_keys
             WHERE user_id = $1 AND revoked_at IS NULL ORDER BY id DESC",
        );
        Ok(select.bind(user.as_uuid()).fetch_all(&self.pool).await?)
    }

    /// Ends a key of the user's. One that has ended already is no error.
    pub async fn revoke_api_key(&self, user: UserId, key: SessionId) -> Result<(), Failure> {
        let mut transaction = self.pool.begin().await?;
        let ended = sqlx::query(
            "UPDATE identity.api_keys SET revoked_at = $3 WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL",
        )
        .bind(user.as_uuid())
        .bind(key.as_uuid())
        .bind(self.clock.now())
        .execute(&mut *transaction)
        .await?;
        if ended.rows_affected() == 0 {
            let known = "SELECT EXISTS (SELECT FROM identity.api_keys WHERE user_id = $1 AND id = $2)";
            let known = sqlx::query_scalar(known).bind(user.as_uuid()).bind(key.as_uuid());
            let known: bool = known.fetch_one(&mut *transaction).await?;
            return if known { Ok(()) } else { Err(Failure::new(Code::NotFound, "there is no such API key")) };
        }
        let fact = user::Event::SessionRevoked { user_id: user, session_id: key };
        outbox::put(&mut transaction, user, fact, &*self.clock).await?;
        transaction.commit().await?;
        self.revoked_just_now(&[key]);
        Ok(())
    }
}

/// Ends all keys of a user, and tells the log so. Gives those that had not ended before.
pub(super) async fn revoke_all(
    connection: &mut PgConnection,
    user: UserId,
    clock: &dyn Clock,
) -> Result<Vec<SessionId>, Failure> {
    let update = "UPDATE identity.api_keys SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL RETURNING id";
    let query = sqlx::query_scalar(update).bind(user.as_uuid()).bind(clock.now());
    let ended: Vec<Uuid> = query.fetch_all(&mut *connection).await?;
    let ended: Vec<_> = ended.into_iter().map(SessionId::from_uuid).collect();
    for &session_id in &ended {
        outbox::put(connection, user, user::Event::SessionRevoked { user_id: user, session_id }, clock).await?;
    }
    Ok(ended)
}

impl FromRow<'_, PgRow> for ApiKey {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: SessionId::from_uuid(row.try_get("id")?),
            name: row.try_get("name")?,
            prefix: row.try_get("prefix")?,
            scopes: scopes(row)?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            last_used_at: row.try_get("last_used_at")?,
        })
    }
}

/// A name that this version does not know grants nothing.
fn scopes(row: &PgRow) -> Result<Vec<Scope>, sqlx::Error> {
    let names: Vec<String> = row.try_get("scopes")?;
    Ok(Scope::ALL.into_iter().filter(|scope| names.iter().any(|name| name == scope.as_str())).collect())
}

fn check_name(name: &str) -> Result<(), &'static str> {
    match name.chars().count() {
        1..=MAX_NAME_CHARS if !name.contains(char::is_control) => Ok(()),
        1..=MAX_NAME_CHARS => Err("must not contain control characters"),
        _ => Err("must be 1 to 64 characters"),
    }
}

/// A new key, and its beginning, which may be shown.
fn mint() -> (String, String) {
    let mut bytes = [0; 32 + PREFIX_CHARS / 2];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    let (secret, shown) = bytes.split_last_chunk().expect("four bytes stand behind the secret");
    let prefix = format!("{BEGIN}{:08x}", u32::from_be_bytes(*shown));
    (format!("{prefix}_{}", BASE64_URL_SAFE_NO_PAD.encode(secret)), prefix)
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_what_it_is_and_begins_as_is_shown_later() {
        let (key, prefix) = mint();
        assert_eq!((key.len(), prefix.len()), (KEY_CHARS, 12));
        assert!(is_one(&key) && key.starts_with(&format!("{prefix}_")));
        assert_ne!(mint().0, key);
    }

    #[test]
    fn a_name_can_be_read() {
        assert_eq!(check_name("bot of the week"), Ok(()));
        for name in ["", "a\nb", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
