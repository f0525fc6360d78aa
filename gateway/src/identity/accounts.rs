//! Accounts: who has one, and what a new one must look like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool, Row, postgres::PgRow};
use uuid::Uuid;
use voxlog_core::{clock::Time, id::UserId, user};

use super::password;
use crate::error::{Code, Failure, FieldError};

/// The longest address that SMTP carries (RFC 5321, section 4.5.3.1.3, less its brackets).
const MAX_EMAIL_CHARS: usize = 254;

/// The longest name that people may be called by.
const MAX_DISPLAY_NAME_CHARS: usize = 64;

/// An account as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Whose.
    pub id: UserId,
    /// 3 to 32 of `A-Z a-z 0-9 _ . -`, unique in any case.
    pub username: String,
    /// Unique in any case; a guest has none. Never in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What people call them; absent means by the username.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// An https address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Here without an address and a password: when the last token is gone, so is the way back.
    pub guest: bool,
    /// Whether signing in takes a second factor.
    pub totp: bool,
    /// Whether their sign-ins have the scope `admin`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub operator: bool,
    /// When it was made.
    pub created_at: Time,
}

/// What somebody gives to get an account.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// 3 to 32 of `A-Z a-z 0-9 _ . -`, unique in any case.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]{3,32}$"))]
    pub username: String,
    /// Unique in any case.
    #[schemars(length(max = 254), email)]
    pub email: String,
    /// 10 to 256 characters.
    #[schemars(length(min = 10, max = 256))]
    pub password: String,
    /// The password again, from forms that ask twice.
    #[serde(default)]
    pub confirm_password: Option<String>,
}

impl Registration {
    /// Names every wrong field at once.
    pub fn check(&self) -> Result<(), Failure> {
        let confirmed = self.confirm_password.as_ref().is_none_or(|again| *again == self.password);
        all_sound([
            ("username", check_username(&self.username)),
            ("email", check_email(&self.email)),
            ("password", password::check(&self.password)),
            ("confirmPassword", if confirmed { Ok(()) } else { Err("is not the same password") }),
        ])
    }
}

/// Names every field that is wrong.
pub(super) fn all_sound(
    fields: impl IntoIterator<Item = (&'static str, Result<(), &'static str>)>,
) -> Result<(), Failure> {
    let wrong = fields.into_iter().filter_map(|(field, verdict)| Some((field, verdict.err()?)));
    let errors: Vec<_> =
        wrong.map(|(field, message)| FieldError { field: field.into(), message: message.to_owned() }).collect();
    match errors.first() {
        None => Ok(()),
        Some(first) => {
            let detail = format!("{}: {}", first.field, first.message);
            Err(Failure { errors, ..Failure::new(Code::Invalid, detail) })
        }
    }
}

pub(super) fn check_username(name: &str) -> Result<(), &'static str> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    let sane = plain && (3..=32).contains(&name.len());
    if sane { Ok(()) } else { Err("must be 3 to 32 letters, digits, '_', '.' or '-'") }
}

/// Catches slips. Whether an address exists, only a mail to it can tell.
pub(super) fn check_email(email: &str) -> Result<(), &'static str> {
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

/// What people may be called by: something that can be seen, in one line.
pub(super) fn check_display_name(name: &str) -> Result<(), &'static str> {
    match name.chars().count() {
        _ if name.trim() != name => Err("must not begin or end with a blank"),
        1..=MAX_DISPLAY_NAME_CHARS if !name.contains(char::is_control) => Ok(()),
        1..=MAX_DISPLAY_NAME_CHARS => Err("must not contain control characters"),
        _ => Err("must be 1 to 64 characters"),
    }
}

impl Account {
    /// What a new account's chain begins with.
    pub(super) fn registered(&self) -> user::Event {
        user::Event::Registered {
            user_id: self.id,
            username: self.username.clone(),
            display_name: self.display_name.clone(),
            guest: self.guest,
        }
    }

    /// The profile as everybody may see it.
    pub(super) fn updated(&self) -> user::Event {
        user::Event::Updated {
            user_id: self.id,
            username: self.username.clone(),
            display_name: self.display_name.clone(),
            avatar_url: self.avatar_url.clone(),
        }
    }
}

/// A token may outlive its account.
pub(super) fn gone() -> Failure {
    Failure::new(Code::NotFound, "this account is gone")
}

/// What an account is read from: the row `a` of `identity.accounts`.
macro_rules! columns {
    () => {
        "a.id, a.username, a.email, a.display_name, a.avatar_url, a.guest, a.operator, a.created_at, EXISTS (
             SELECT FROM identity.totp f WHERE f.user_id = a.id AND f.confirmed_at IS NOT NULL
         ) AS totp"
    };
}
pub(super) use columns;

/// Stores a new account. A name that is taken fails as a conflict that says which.
pub(super) async fn insert(
    connection: &mut PgConnection,
    account: &Account,
    password_hash: Option<&str>,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO identity.accounts (id, username, email, password_hash, display_name, guest, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(account.id.as_uuid())
    .bind(&account.username)
    .bind(&account.email)
    .bind(password_hash)
    .bind(&account.display_name)
    .bind(account.guest)
    .bind(account.created_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// The account with that address, and its password's hash.
pub(super) async fn by_email(pool: &PgPool, email: &str) -> Result<Option<(Account, String)>, Failure> {
    let select = concat!(
        "SELECT a.password_hash, ",
        columns!(),
        " FROM identity.accounts a WHERE lower(a.email) = lower($1) AND NOT a.guest"
    );
    let row = sqlx::query(select).bind(email).fetch_optional(pool).await?;
    row.map(|row| Ok((Account::from_row(&row)?, row.try_get("password_hash")?))).transpose()
}

/// The hash of somebody's password; a guest has none.
pub(super) async fn password_of(pool: &PgPool, user: UserId) -> Result<Option<String>, Failure> {
    let select = sqlx::query_scalar("SELECT password_hash FROM identity.accounts WHERE id = $1");
    Ok(select.bind(user.as_uuid()).fetch_optional(pool).await?.flatten())
}

pub(super) async fn by_id(pool: &PgPool, user: UserId) -> Result<Option<Account>, Failure> {
    let select = concat!("SELECT ", columns!(), " FROM identity.accounts a WHERE a.id = $1");
    Ok(sqlx::query_as(select).bind(user.as_uuid()).fetch_optional(pool).await?)
}

/// The account, which nobody else changes until the transaction has ended.
pub(super) async fn lock(connection: &mut PgConnection, user: UserId) -> Result<Option<Account>, Failure> {
    let select = concat!("SELECT ", columns!(), " FROM identity.accounts a WHERE a.id = $1 FOR NO KEY UPDATE OF a");
    Ok(sqlx::query_as(select).bind(user.as_uuid()).fetch_optional(connection).await?)
}

pub(super) async fn by_name(pool: &PgPool, username: &str) -> Result<Option<Account>, Failure> {
    let select = concat!("SELECT ", columns!(), " FROM identity.accounts a WHERE lower(a.username) = lower($1)");
    Ok(sqlx::query_as(select).bind(username).fetch_optional(pool).await?)
}

impl FromRow<'_, PgRow> for Account {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: UserId::from_uuid(row.try_get::<Uuid, _>("id")?),
            username: row.try_get("username")?,
            email: row.try_get("email")?,
            display_name: row.try_get("display_name")?,
            avatar_url: row.try_get("avatar_url")?,
            guest: row.try_get("guest")?,
            totp: row.try_get("totp")?,
            operator: row.try_get("operator")?,
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
