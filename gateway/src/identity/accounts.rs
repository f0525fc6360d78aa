//! Accounts: who has one, and what a new one must look like.

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool, Row, postgres::PgRow};
use voxlog_core::{
    clock::{Clock, Time},
    id::UserId,
};

use super::password;
use crate::error::{Code, Failure, FieldError};

/// The longest address that SMTP carries (RFC 5321, section 4.5.3.1.3, less its brackets).
const MAX_EMAIL_CHARS: usize = 254;

/// An account as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Whose.
    pub id: UserId,
    /// 3 to 32 of `A-Z a-z 0-9 _ . -`, unique in any case.
    pub username: String,
    /// Unique in any case. Never in the log.
    pub email: String,
    /// When it was made.
    pub created_at: Time,
}

/// What somebody gives to get an account.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// See [`Account::username`].
    pub username: String,
    /// See [`Account::email`].
    pub email: String,
    /// 10 to 256 characters.
    pub password: String,
    /// The password again, from forms that ask twice.
    #[serde(default)]
    pub confirm_password: Option<String>,
}

impl Registration {
    /// Names every wrong field at once.
    pub fn check(&self) -> Result<(), Failure> {
        let confirmed = self.confirm_password.as_ref().is_none_or(|again| *again == self.password);
        let wrong = [
            ("username", check_username(&self.username)),
            ("email", check_email(&self.email)),
            ("password", password::check(&self.password)),
            ("confirmPassword", if confirmed { Ok(()) } else { Err("is not the same password") }),
        ];
        let errors: Vec<_> = wrong
            .into_iter()
            .filter_map(|(field, verdict)| verdict.err().map(|message| (field, message)))
            .map(|(field, message)| FieldError { field: field.into(), message: message.to_owned() })
            .collect();
        match errors.first() {
            None => Ok(()),
            Some(first) => {
                let detail = format!("{}: {}", first.field, first.message);
                Err(Failure { errors, ..Failure::new(Code::Invalid, detail) })
            }
        }
    }
}

fn check_username(name: &str) -> Result<(), &'static str> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    let sane = plain && (3..=32).contains(&name.len());
    if sane { Ok(()) } else { Err("must be 3 to 32 letters, digits, '_', '.' or '-'") }
}

/// Catches slips. Whether an address exists, only a mail to it can tell.
fn check_email(email: &str) -> Result<(), &'static str> {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    let whole = email.chars().count() <= MAX_EMAIL_CHARS && !email.contains(odd);
    match email.rsplit_once('@') {
        Some((local, domain)) if whole && !local.is_empty() && !local.contains('@') && is_domain(domain) => Ok(()),
        _ => Err("must be an email address"),
    }
}

fn is_domain(domain: &str) -> bool {
    !domain.is_empty() && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-'))
}

/// Stores a new account. A name that is taken fails as a conflict that says which.
pub(super) async fn insert(
    connection: &mut PgConnection,
    registration: &Registration,
    password_hash: &str,
    clock: &dyn Clock,
) -> Result<Account, Failure> {
    let account = Account {
        id: UserId::mint(clock),
        username: registration.username.clone(),
        email: registration.email.clone(),
        created_at: clock.now(),
    };
    sqlx::query(
        "INSERT INTO identity.accounts (id, username, email, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(account.id.as_uuid())
    .bind(&account.username)
    .bind(&account.email)
    .bind(password_hash)
    .bind(account.created_at)
    .execute(connection)
    .await?;
    Ok(account)
}

/// The account with that address, and its password's hash.
pub(super) async fn by_email(pool: &PgPool, email: &str) -> Result<Option<(Account, String)>, Failure> {
    let row = sqlx::query(
        "SELECT id, username, email, created_at, password_hash FROM identity.accounts WHERE lower(email) = lower($1)",
    )
    .bind(email)
    .fetch_optional(pool)
    .await?;
    row.map(|row| Ok((Account::from_row(&row)?, row.try_get("password_hash")?))).transpose()
}

pub(super) async fn by_id(pool: &PgPool, user: UserId) -> Result<Option<Account>, Failure> {
    let query = sqlx::query_as("SELECT id, username, email, created_at FROM identity.accounts WHERE id = $1");
    Ok(query.bind(user.as_uuid()).fetch_optional(pool).await?)
}

pub(super) async fn by_name(pool: &PgPool, username: &str) -> Result<Option<Account>, Failure> {
    let query = sqlx::query_as(
        "SELECT id, username, email, created_at FROM identity.accounts WHERE lower(username) = lower($1)",
    );
    Ok(query.bind(username).fetch_optional(pool).await?)
}

impl FromRow<'_, PgRow> for Account {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: UserId::from_uuid(row.try_get("id")?),
            username: row.try_get("username")?,
            email: row.try_get("email")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(username: &str, email: &str, password: &str, again: Option<&str>) -> Registration {
        Registration {
            username: username.to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
            confirm_password: again.map(str::to_owned),
        }
    }

    #[test]
    fn a_sound_registration_passes() {
        assert_eq!(
            registration("ann.b-c_9", "ann@example.org", "correct horse", Some("correct horse")).check(),
            Ok(())
        );
        assert_eq!(registration("ann", "a.n+n@localhost", "korrekt äöü", None).check(), Ok(()));
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let failure = registration("a b", "nobody", "short", Some("other")).check().unwrap_err();
        let fields: Vec<_> = failure.errors.iter().map(|error| &*error.field).collect();
        assert_eq!(failure.code, Code::Invalid);
        assert_eq!(fields, ["username", "email", "password", "confirmPassword"]);
    }

    #[test]
    fn what_can_be_no_name_is_refused() {
        for name in ["", "ab", "ann\n", "änn", "a/b", &"a".repeat(33)] {
            assert!(check_username(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn what_can_be_no_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(250));
        for email in ["", "ann", "@example.org", "ann@", "ann@b@c", "an n@b.c", "ann@b..c", "ann@-b.c", &long] {
            assert!(check_email(email).is_err(), "{email:?}");
        }
    }
}
