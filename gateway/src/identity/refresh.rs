//! Refresh tokens: 256 random bits, stored as their SHA-256, each good for one rotation.
//!
//! A session is a sign-in and the line of tokens that came of it. Whoever shows a token that was rotated before holds a
//! copy, or holds the original while somebody else used a copy: the session ends for both.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgConnection, PgPool, Row};
use uuid::Uuid;
use voxlog_core::{
    clock::{Clock, Time},
    id::{SessionId, UserId},
};

use super::{Account, accounts, device::Device, sessions};
use crate::error::{Code, Failure};

/// What came of showing a token.
pub(super) enum Rotation {
    /// It was good; this is the next.
    Next {
        /// Whose.
        account: Account,
        /// Of which sign-in.
        session: SessionId,
        /// Good for one refresh.
        token: String,
    },
    /// It had been used before: its sign-in has ended.
    Ended(SessionId),
}

/// What is to be done with a token that somebody shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is good; the next takes its place.
    Rotate,
    /// It was used before: end the session.
    Reused,
    /// It is good no more.
    Void,
}

/// A stored token, as far as the verdict goes.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "they are points in time, named as their columns")]
struct Shown {
    expires_at: Time,
    rotated_at: Option<Time>,
    revoked_at: Option<Time>,
}

impl Shown {
    fn verdict(self, now: Time) -> Verdict {
        match self {
            Self { revoked_at: Some(_), .. } => Verdict::Void,
            Self { expires_at, .. } if expires_at <= now => Verdict::Void,
            Self { rotated_at: Some(_), .. } => Verdict::Reused,
            Self { rotated_at: None, .. } => Verdict::Rotate,
        }
    }
}

/// Opens a session and gives its first token.
pub(super) async fn open(
    connection: &mut PgConnection,
    user: UserId,
    session: SessionId,
    device: &Device,
    now: Time,
    ttl: Duration,
) -> Result<String, Failure> {
    sqlx::query(
        "INSERT INTO identity.sessions (id, user_id, user_agent, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(session.as_uuid())
    .bind(user.as_uuid())
    .bind(device.name())
    .bind(now)
    .bind(now + ttl)
    .execute(&mut *connection)
    .await?;
    add(connection, session, now + ttl).await
}

/// Takes a token and gives the next of its session. Of two that show the same token at once, one is the second: the
/// row's lock decides.
pub(super) async fn rotate(pool: &PgPool, token: &str, clock: &dyn Clock, ttl: Duration) -> Result<Rotation, Failure> {
    let (hash, now) = (hash(token).ok_or_else(refused)?, clock.now());
    let mut transaction = pool.begin().await?;
    let select = concat!(
        "SELECT t.session_id, t.expires_at, t.rotated_at, s.revoked_at, ",
        accounts::columns!(),
        " FROM identity.refresh_tokens t
         JOIN identity.sessions s ON s.id = t.session_id
         JOIN identity.accounts a ON a.id = s.user_id
         WHERE t.hash = $1 FOR UPDATE OF t, s"
    );
    let row = sqlx::query(select).bind(hash.as_slice()).fetch_optional(&mut *transaction).await?;
    let row = row.ok_or_else(refused)?;
    let account = Account::from_row(&row)?;
    let session = SessionId::from_uuid(row.try_get::<Uuid, _>("session_id")?);
    let shown = Shown {
        expires_at: row.try_get("expires_at")?,
        rotated_at: row.try_get("rotated_at")?,
        revoked_at: row.try_get("revoked_at")?,
    };
    let rotation = match shown.verdict(now) {
        Verdict::Void => return Err(refused()),
        Verdict::Reused => {
            sessions::revoke(&mut transaction, account.id, Some(session), clock).await?;
            Rotation::Ended(session)
        }
        Verdict::Rotate => {
            let token = succeed(&mut transaction, session, &hash, now, ttl).await?;
            Rotation::Next { account, session, token }
        }
    };
    transaction.commit().await?;
    Ok(rotation)
}

/// Drops a user's sessions that nobody can refresh any more, with their tokens.
pub(super) async fn forget_expired(connection: &mut PgConnection, user: UserId, now: Time) -> Result<(), Failure> {
    sqlx::query("DELETE FROM identity.sessions WHERE user_id = $1 AND expires_at <= $2")
        .bind(user.as_uuid())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

async fn succeed(
    connection: &mut PgConnection,
    session: SessionId,
    former: &[u8],
    now: Time,
    ttl: Duration,
) -> Result<String, Failure> {
    sqlx::query("UPDATE identity.refresh_tokens SET rotated_at = $2 WHERE hash = $1")
        .bind(former)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE identity.sessions SET expires_at = $2, last_used_at = $3 WHERE id = $1")
        .bind(session.as_uuid())
        .bind(now + ttl)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM identity.refresh_tokens WHERE session_id = $1 AND expires_at <= $2")
        .bind(session.as_uuid())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    add(connection, session, now + ttl).await
}

async fn add(connection: &mut PgConnection, session: SessionId, expires_at: Time) -> Result<String, Failure> {
    let (token, hash) = mint();
    sqlx::query("INSERT INTO identity.refresh_tokens (hash, session_id, expires_at) VALUES ($1, $2, $3)")
        .bind(hash.as_slice())
        .bind(session.as_uuid())
        .bind(expires_at)
        .execute(connection)
        .await?;
    Ok(token)
}

/// A new token and its hash.
fn mint() -> (String, [u8; 32]) {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    (BASE64_URL_SAFE_NO_PAD.encode(bytes), Sha256::digest(bytes).into())
}

/// The hash of a token, `None` when the text can't be one.
fn hash(token: &str) -> Option<[u8; 32]> {
    if token.len() != 43 {
        return None;
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    Some(Sha256::digest(bytes).into())
}

/// One answer for unknown, expired, revoked and reused: it tells a thief nothing.
pub(super) fn refused() -> Failure {
    Failure::new(Code::Unauthenticated, "the refresh token is not valid, sign in again")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use voxlog_core::clock::{Clock, SystemClock};

    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_alone() {
        let (token, stored) = mint();
        assert_eq!(hash(&token), Some(stored));
        assert_ne!(mint().0, token);
        for text in ["", "x", &token[1..], &format!("{token}="), &"!".repeat(43)] {
            assert_eq!(hash(text), None, "{text}");
        }
    }

    #[test]
    fn a_token_is_good_once_while_its_session_lives() {
        let now = SystemClock.now();
        let (earlier, later) = (now - TimeDelta::seconds(1), now + TimeDelta::seconds(1));
        let fresh = Shown { expires_at: later, rotated_at: None, revoked_at: None };
        let used = Shown { rotated_at: Some(earlier), ..fresh };
        assert_eq!(fresh.verdict(now), Verdict::Rotate);
        assert_eq!(used.verdict(now), Verdict::Reused);
        assert_eq!(fresh.verdict(later), Verdict::Void);
        assert_eq!(Shown { revoked_at: Some(earlier), ..fresh }.verdict(now), Verdict::Void);
        assert_eq!(Shown { revoked_at: Some(earlier), ..used }.verdict(now), Verdict::Void);
    }
}
