//! Who somebody is: accounts, passwords, tokens. Nothing else reads a token.
//!
//! PostgreSQL owns identity, in a schema of its own; the log learns its facts through the [`outbox`], each once.
//! Verifying an access token needs a public key and the time, so whoever is signed in stays so with PostgreSQL away;
//! signing in and refreshing wait for it.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;
use sqlx::{
    ConnectOptions, Connection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::PgPoolOptions,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::{Clock, Time},
    id::{SessionId, UserId},
    log::Log,
};

use crate::{
    config::Config,
    error::{Code, Failure},
};

pub mod accounts;
mod database;
pub mod keys;
pub mod outbox;
pub mod password;
pub mod refresh;
pub mod token;

pub use accounts::{Account, Registration};

use keys::{InvalidKey, Keys};
use password::Passwords;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long a gateway waits before it tries again to prepare its tables.
const MIGRATION_RETRY: Duration = Duration::from_secs(1);

/// Signing in is rare beside talking, and hashing passwords bounds it further.
const CONNECTIONS: u32 = 8;
/// How long a query waits for a connection. Short: while PostgreSQL is away, who signs in should be told, not kept.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Accounts and tokens. One per gateway, shared by its sockets and its REST.
#[derive(Debug)]
pub struct Identity {
    pool: PgPool,
    keys: Keys,
    passwords: Passwords,
    clock: Arc<dyn Clock>,
    access_ttl: Duration,
    refresh_ttl: Duration,
    /// Rung after each commit that put something into the outbox.
    outgoing: Notify,
}

/// Who asks: what a verified access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Whose token it is.
    pub user: UserId,
    /// The sign-in that it came of.
    pub session: SessionId,
    /// When it stops verifying.
    pub expires: Time,
}

/// An access token.
#[derive(Debug, Clone)]
pub struct Access {
    /// A signed JWT.
    pub token: String,
    /// When it stops verifying.
    pub expires: Time,
}

/// What a sign-in or a refresh gives.
#[derive(Debug, Clone, Serialize)]
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

impl Identity {
    /// Connections for identity. None is opened yet: PostgreSQL may start later.
    pub fn pool(database_url: &str) -> Result<PgPool, sqlx::Error> {
        PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT).connect_lazy(database_url)
    }

    /// Identity over a pool that need not be connected yet.
    pub fn new(pool: PgPool, config: &Config, clock: Arc<dyn Clock>) -> Result<Self, InvalidKey> {
        Ok(Self {
            pool,
            keys: Keys::new(&config.signing_key_pem, &config.former_keys_pem)?,
            passwords: Passwords::new(config.password_cost),
            clock,
            access_ttl: config.access_ttl,
            refresh_ttl: config.refresh_ttl,
            outgoing: Notify::new(),
        })
    }

    /// Creates or updates the tables. Any number of gateways may do it at once.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        let options = self.pool.connect_options().as_ref().clone().options([("search_path", "identity")]);
        let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
        migrator.create_schema("identity");
        // A connection of its own, whose end releases the migration lock whatever happens.
        let mut connection = options.connect().await?;
        let outcome = migrator.run_direct(None, &mut connection, false).await;
        connection.close().await?;
        outcome
    }

    /// Prepares the tables as soon as PostgreSQL answers, then delivers facts to the log until `shutdown`.
    pub async fn run_outbox(self: Arc<Self>, log: Arc<dyn Log>, shutdown: CancellationToken) {
        let work = async {
            while let Err(error) = self.migrate().await {
                tracing::warn!(%error, "identity waits for PostgreSQL");
                tokio::time::sleep(MIGRATION_RETRY).await;
            }
            outbox::Courier { pool: &self.pool, log: &*log, clock: &*self.clock }.run(&self.outgoing).await;
        };
        shutdown.run_until_cancelled(work).await;
    }

    /// Makes an account and signs it in.
    pub async fn register(&self, registration: Registration) -> Result<Grant, Failure> {
        registration.check()?;
        let hash = self.passwords.hash(registration.password.clone()).await?;
        let mut transaction = self.pool.begin().await?;
        let account = accounts::insert(&mut transaction, &registration, &hash, &*self.clock).await?;
        outbox::put_registered(&mut transaction, &account, &*self.clock).await?;
        let session = SessionId::mint(&*self.clock);
        let refresh_token =
            refresh::open(&mut transaction, account.id, session, self.clock.now(), self.refresh_ttl).await?;
        transaction.commit().await?;
        self.outgoing.notify_one();
        self.grant(account, session, refresh_token)
    }

    /// Signs in. An unknown address and a wrong password take the same time and answer the same.
    pub async fn login(&self, email: &str, password: String) -> Result<Grant, Failure> {
        let found = accounts::by_email(&self.pool, email).await?;
        let (account, hash) = found.map_or((None, None), |(account, hash)| (Some(account), Some(hash)));
        let matches = self.passwords.verify(password, hash).await?;
        let Some(account) = account.filter(|_| matches) else {
            return Err(Failure::new(Code::Unauthenticated, "the email address or the password is wrong"));
        };
        let session = SessionId::mint(&*self.clock);
        let mut transaction = self.pool.begin().await?;
        let now = self.clock.now();
        refresh::forget_expired(&mut transaction, account.id, now).await?;
        let refresh_token = refresh::open(&mut transaction, account.id, session, now, self.refresh_ttl).await?;
        transaction.commit().await?;
        self.grant(account, session, refresh_token)
    }

    /// Takes a refresh token and gives the next. One that was taken before ends its whole session: somebody else may
    /// hold a copy.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Grant, Failure> {
        let rotated = refresh::rotate(&self.pool, refresh_token, self.clock.now(), self.refresh_ttl).await?;
        self.grant(rotated.account, rotated.session, rotated.token)
    }

    /// Who holds this access token. Needs no database.
    pub fn verify(&self, token: &str) -> Result<Caller, Failure> {
        token::verify(&self.keys, token, self.clock.now())
    }

    /// An access token for a session of its own, which can't be refreshed: for a terminal.
    pub fn issue(&self, user: UserId) -> Result<Access, Failure> {
        self.sign(user, SessionId::mint(&*self.clock))
    }

    /// The account of a user.
    pub async fn account(&self, user: UserId) -> Result<Option<Account>, Failure> {
        accounts::by_id(&self.pool, user).await
    }

    /// The account of that name, in any case.
    pub async fn account_named(&self, username: &str) -> Result<Option<Account>, Failure> {
        accounts::by_name(&self.pool, username).await
    }

    /// Whether PostgreSQL answers identity's queries.
    pub async fn is_reachable(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// The public keys with which access tokens verify (RFC 7517).
    pub fn jwks(&self) -> &JwkSet {
        self.keys.published()
    }

    fn sign(&self, user: UserId, session: SessionId) -> Result<Access, Failure> {
        token::sign(&self.keys, user, session, self.clock.now(), self.access_ttl)
    }

    fn grant(&self, user: Account, session: SessionId, refresh_token: String) -> Result<Grant, Failure> {
        let access = self.sign(user.id, session)?;
        Ok(Grant { token: access.token, refresh_token, user, expires_in: self.access_ttl.as_secs() })
    }
}
