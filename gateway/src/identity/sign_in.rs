//! Coming in: with a new account, with a password, as a guest, with a refresh token.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, Transaction};
use voxlog_core::{
    clock::Time,
    id::{SessionId, UserId},
    user,
};

use super::{
    Account, Identity, Registration, accounts,
    device::Device,
    outbox,
    refresh::{self, Rotation},
    token::{self, Holder},
    totp,
};
use crate::error::{Code, Failure, FieldError};

/// What somebody gives to sign in.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The address of the account, in any case.
    pub email: String,
    /// Its password.
    pub password: String,
    /// A code of the second factor, or a recovery code, where the account asks for one.
    #[serde(default)]
    pub totp: Option<String>,
}

/// An access token. Shows nothing of it.
#[derive(Clone)]
pub struct Access {
    /// A signed JWT.
    pub token: String,
    /// When it stops verifying.
    pub expires: Time,
}

/// What a sign-in or a refresh gives. Shows nothing of the tokens.
#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The access token, for `Authorization: Bearer`.
    pub token: String,
    /// Good for one refresh.
    pub refresh_token: String,
    /// Whose they are.
    pub user: Account,
    /// Seconds until the access token expires.
    pub expires_in: u64,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("user", &self.user.id).finish_non_exhaustive()
    }
}

impl Identity {
    /// Makes an account and signs it in.
    pub async fn register(&self, registration: Registration, device: &Device) -> Result<Grant, Failure> {
        registration.check()?;
        let hash = self.passwords.hash(registration.password).await?;
        let account = Account {
            id: UserId::mint(&*self.clock),
            username: registration.username,
            email: Some(registration.email),
            display_name: None,
            avatar_url: None,
            guest: false,
            totp: false,
            operator: false,
            created_at: self.clock.now(),
        };
        self.begin(account, Some(&hash), device).await
    }

    /// Lets somebody in who has no account and wants none.
    pub async fn guest(&self, display_name: &str, device: &Device) -> Result<Grant, Failure> {
        accounts::all_sound([("displayName", accounts::check_display_name(display_name))])?;
        let id = UserId::mint(&*self.clock);
        let account = Account {
            id,
            username: guest_name(id),
            email: None,
            display_name: Some(display_name.to_owned()),
            avatar_url: None,
            guest: true,
            totp: false,
            operator: false,
            created_at: self.clock.now(),
        };
        self.begin(account, None, device).await
    }

    /// Signs in. An unknown address and a wrong password take the same time and answer the same; only who has the
    /// password is told that a second factor is asked for.
    pub async fn login(&self, login: Login, device: &Device) -> Result<Grant, Failure> {
        let found = match accounts::check_email(&login.email) {
            Ok(()) => accounts::by_email(&self.pool, &login.email).await?,
            Err(_) => None,
        };
        let (account, hash) = found.map_or((None, None), |(account, hash)| (Some(account), Some(hash)));
        let matches = self.passwords.verify(login.password, hash).await?;
        let Some(account) = account.filter(|_| matches) else {
            return Err(Failure::new(Code::Unauthenticated, "the email address or the password is wrong"));
        };
        let mut transaction = self.pool.begin().await?;
        totp::pass(&mut transaction, account.id, login.totp.as_deref(), self.clock.now())
            .await?
            .map_err(second_factor)?;
        refresh::forget_expired(&mut transaction, account.id, self.clock.now()).await?;
        self.open(transaction, account, device).await
    }

    /// Takes a refresh token and gives the next. One that was taken before ends its whole session: somebody else may
    /// hold a copy.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Grant, Failure> {
        match refresh::rotate(&self.pool, refresh_token, &*self.clock, self.refresh_ttl).await? {
            Rotation::Next { account, session, token } => self.grant(account, session, token),
            Rotation::Ended(session) => {
                tracing::warn!(session.id = %session, "a refresh token was used twice, its session has ended");
                self.revoked_just_now(&[session]);
                Err(refresh::refused())
            }
        }
    }

    /// An access token for a session of its own, which can't be refreshed: for a terminal. Nothing ends it before its
    /// time, an operator's neither.
    pub fn issue(&self, user: UserId, operator: bool) -> Result<Access, Failure> {
        self.sign(Holder { user, session: SessionId::mint(&*self.clock), guest: false, operator })
    }

    async fn begin(&self, account: Account, password_hash: Option<&str>, device: &Device) -> Result<Grant, Failure> {
        let mut transaction = self.pool.begin().await?;
        accounts::insert(&mut transaction, &account, password_hash).await?;
        outbox::put(&mut transaction, account.id, account.registered(), &*self.clock).await?;
        self.open(transaction, account, device).await
    }

    async fn open(
        &self,
        mut transaction: Transaction<'_, Postgres>,
        account: Account,
        device: &Device,
    ) -> Result<Grant, Failure> {
        let session = SessionId::mint(&*self.clock);
        let refresh_token = self.start_session(&mut transaction, account.id, session, device).await?;
        transaction.commit().await?;
        self.outgoing.notify_one();
        self.grant(account, session, refresh_token)
    }

    async fn start_session(
        &self,
        connection: &mut PgConnection,
        user: UserId,
        session: SessionId,
        device: &Device,
    ) -> Result<String, Failure> {
        let now = self.clock.now();
        let refresh_token = refresh::open(connection, user, session, device, now, self.refresh_ttl).await?;
        let fact = user::Event::SessionStarted { user_id: user, session_id: session };
        outbox::put(connection, user, fact, &*self.clock).await?;
        Ok(refresh_token)
    }

    fn sign(&self, holder: Holder) -> Result<Access, Failure> {
        token::sign(&self.keys, holder, self.clock.now(), self.access_ttl)
    }

    fn grant(&self, user: Account, session: SessionId, refresh_token: String) -> Result<Grant, Failure> {
        let access = self.sign(Holder { user: user.id, session, guest: user.guest, operator: user.operator })?;
        Ok(Grant { token: access.token, refresh_token, user, expires_in: self.access_ttl.as_secs() })
    }
}

/// A guest's username: nobody chooses it, so the random part of the id makes it unique.
fn guest_name(id: UserId) -> String {
    let id = id.to_string();
    format!("guest-{}", &id[id.len() - 12..])
}

/// The password was right, the second factor is not.
fn second_factor(refusal: totp::Refusal) -> Failure {
    let (detail, message) = match refusal {
        totp::Refusal::Missing => ("a code of your second factor is needed", "is missing"),
        totp::Refusal::Wrong => ("the code of your second factor is not valid", "is wrong, or was used before"),
    };
    let errors = vec![FieldError { field: "totp".into(), message: message.to_owned() }];
    Failure { errors, ..Failure::new(Code::Unauthenticated, detail) }
}
