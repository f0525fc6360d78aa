//! A second factor: codes that an authenticator makes of a shared secret and the time (RFC 6238), and recovery codes for
//! when it is lost.
//!
//! Every code is good once. A step of the clock before and after the present one count too. The secret is stored as it
//! is, since the server must make the codes; recovery codes are stored as hashes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Row};
use voxlog_core::{clock::Time, id::UserId};

use super::{Identity, accounts};
use crate::error::{Code, Failure};

mod codes;

use codes::{SECRET_BYTES, authenticator, hash, matching_step, recovery_code};

/// How many times somebody may lose their authenticator's codes before they must switch it on anew.
const RECOVERY_CODES: usize = 10;

/// What an authenticator needs. Told once.
#[derive(Serialize, JsonSchema)]
pub struct Setup {
    /// The secret in base32, for typing.
    pub secret: String,
    /// The same as `otpauth` URI, for a QR code.
    pub uri: String,
}

/// The second factor is on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Confirmed {
    /// Each good once, instead of a code. Told once.
    pub recovery_codes: Vec<String>,
}

/// What shows that it is the owner who asks.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// A code of the second factor, or a recovery code.
    #[serde(default)]
    pub code: Option<String>,
    /// The account's password.
    #[serde(default)]
    pub password: Option<String>,
}

/// Why somebody does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A code is needed.
    Missing,
    /// It is none, or was used before.
    Wrong,
}

impl Identity {
    /// Makes a secret for the user's authenticator. Nothing changes until a code of it is confirmed.
    pub async fn begin_totp(&self, user: UserId) -> Result<Setup, Failure> {
        let mut transaction = self.pool.begin().await?;
        let account = accounts::lock(&mut transaction, user).await?.ok_or_else(accounts::gone)?;
        if account.guest {
            return Err(Failure::new(Code::Forbidden, "a guest has nothing that a second factor would protect"));
        }
        let mut secret = [0; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut secret).expect("the system has randomness");
        let stored = sqlx::query(
            "INSERT INTO identity.totp AS t (user_id, secret) VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret WHERE t.confirmed_at IS NULL",
        )
        .bind(user.as_uuid())
        .bind(secret.as_slice())
        .execute(&mut *transaction)
        .await?;
        if stored.rows_affected() == 0 {
            return Err(is_on());
        }
        transaction.commit().await?;
        let totp = authenticator(&secret, &account.username);
        let uri = totp.to_url().map_err(|error| Failure::internal(&error))?;
        Ok(Setup { secret: totp.secret().to_base32(), uri })
    }

    /// Switches the second factor on, once a code shows that the authenticator works.
    pub async fn confirm_totp(&self, user: UserId, code: &str) -> Result<Confirmed, Failure> {
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query("SELECT secret, confirmed_at FROM identity.totp WHERE user_id = $1 FOR UPDATE")
            .bind(user.as_uuid())
            .fetch_optional(&mut *transaction)
            .await?;
        let row = row.ok_or_else(|| Failure::new(Code::Conflict, "there is no second factor to confirm"))?;
        let now = self.clock.now();
        if row.try_get::<Option<Time>, _>("confirmed_at")?.is_some() {
            return Err(is_on());
        }
        let step = matching_step(row.try_get("secret")?, code, now);
        let step = step.ok_or_else(|| Failure::invalid("code", "is not what the authenticator shows"))?;
        sqlx::query("UPDATE identity.totp SET confirmed_at = $2, last_step = $3 WHERE user_id = $1")
            .bind(user.as_uuid())
            .bind(now)
            .bind(step)
            .execute(&mut *transaction)
            .await?;
        let recovery_codes: Vec<_> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let hashes: Vec<_> = recovery_codes.iter().map(|code| hash(code).to_vec()).collect();
        sqlx::query("INSERT INTO identity.recovery_codes (user_id, hash) SELECT $1, unnest($2::bytea[])")
            .bind(user.as_uuid())
            .bind(hashes)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Confirmed { recovery_codes })
    }

    /// Switches the second factor off, for whoever has a code or the password. One that is not on is no error.
    pub async fn end_totp(&self, user: UserId, proof: Proof) -> Result<(), Failure> {
        let account = self.account(user).await?.ok_or_else(accounts::gone)?;
        let known = match proof.password {
            Some(password) if account.totp => {
                let hash = accounts::password_of(&self.pool, user).await?;
                if !self.passwords.verify(password, hash).await? {
                    return Err(Failure::invalid("password", "is wrong"));
                }
                true
            }
            _ => false,
        };
        let mut transaction = self.pool.begin().await?;
        if !known {
            let passed = pass(&mut transaction, user, proof.code.as_deref(), self.clock.now()).await?;
            passed.map_err(|refusal| match refusal {
                Refusal::Missing => Failure::invalid("code", "is missing, and so is password"),
                Refusal::Wrong => Failure::invalid("code", "is wrong, or was used before"),
            })?;
        }
        sqlx::query("DELETE FROM identity.totp WHERE user_id = $1")
            .bind(user.as_uuid())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Lets somebody pass who has no second factor, or shows a code that is good. What they show is used up when the
/// transaction is committed.
pub(super) async fn pass(
    connection: &mut PgConnection,
    user: UserId,
    code: Option<&str>,
    now: Time,
) -> Result<Result<(), Refusal>, Failure> {
    let row = sqlx::query(
        "SELECT secret, last_step FROM identity.totp WHERE user_id = $1 AND confirmed_at IS NOT NULL FOR UPDATE",
    )
    .bind(user.as_uuid())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(Ok(())) };
    let Some(code) = code else { return Ok(Err(Refusal::Missing)) };
    let spent = match matching_step(row.try_get("secret")?, code, now) {
        Some(step) if step > row.try_get::<i64, _>("last_step")? => {
            sqlx::query("UPDATE identity.totp SET last_step = $2 WHERE user_id = $1").bind(user.as_uuid()).bind(step)
        }
        Some(_) => return Ok(Err(Refusal::Wrong)),
        None => sqlx::query("DELETE FROM identity.recovery_codes WHERE user_id = $1 AND hash = $2")
            .bind(user.as_uuid())
            .bind(hash(code).to_vec()),
    };
    let good = spent.execute(connection).await?.rows_affected() == 1;
    Ok(if good { Ok(()) } else { Err(Refusal::Wrong) })
}

fn is_on() -> Failure {
    Failure::new(Code::Conflict, "the second factor is on already")
}
