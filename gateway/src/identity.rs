//! Who somebody is: accounts, passwords, tokens. Nothing else reads a token.
//!
//! PostgreSQL owns identity, in a schema of its own; the log learns its facts through the [`outbox`], each once.
//! Verifying an access token needs a public key and the time, so whoever is signed in stays so with PostgreSQL away;
//! signing in and refreshing wait for it.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::jwk::JwkSet;
use sqlx::{
    ConnectOptions, Connection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::PgPoolOptions,
};
use tokio::sync::{Notify, SetOnce};
use tokio_util::sync::CancellationToken;
use voxlog_core::{clock::Clock, id::UserId, log::Log};

use crate::{
    config::Config,
    error::{Code, Failure},
};

pub mod accounts;
pub mod api_keys;
pub mod caller;
mod database;
pub mod device;
pub mod erasing;
pub mod keys;
pub mod operators;
pub mod outbox;
pub mod password;
pub mod profile;
pub mod refresh;
pub mod revoked;
mod revoking;
pub mod scope;
pub mod secret;
pub mod sessions;
pub mod sign_in;
pub mod token;
pub mod totp;

pub use accounts::{Account, Registration};
pub use caller::{Caller, Credential};
pub use device::Device;
pub use revoked::Revoked;
pub use scope::{Scope, Scopes};
pub use secret::Secret;
pub use sign_in::{Access, Grant, Login};

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
    revoked: Arc<Revoked>,
    api_keys: api_keys::Lately,
    /// Rung after each commit that put something into the outbox.
    outgoing: Notify,
    /// Set once this process has seen the tables.
    prepared: SetOnce<()>,
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
            revoked: Arc::default(),
            api_keys: api_keys::Lately::default(),
            outgoing: Notify::new(),
            prepared: SetOnce::new(),
        })
    }

    /// Creates or updates the tables. Any number of gateways may do it at once.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        migrate(&self.pool).await
    }

    /// Prepares the tables as soon as PostgreSQL answers, then delivers facts to the log, and learns what was revoked
    /// elsewhere, until `shutdown`.
    pub async fn run(self: Arc<Self>, log: Arc<dyn Log>, shutdown: CancellationToken) {
        let work = async {
            while let Err(error) = self.migrate().await {
                tracing::warn!(%error, "identity waits for PostgreSQL");
                tokio::time::sleep(MIGRATION_RETRY).await;
            }
            _ = self.prepared.set(());
            let courier = outbox::Courier { pool: &self.pool, log: &*log, clock: &*self.clock };
            tokio::join!(courier.run(&self.outgoing), self.learn());
        };
        shutdown.run_until_cancelled(work).await;
    }

    /// Waits until [`Self::run`] has prepared the tables: before, whoever asks them only finds that they are not there.
    pub async fn prepared(&self) {
        self.prepared.wait().await;
    }

    /// Whether [`Self::authenticate`] would ask PostgreSQL.
    pub fn must_look_up(&self, credential: &str) -> bool {
        api_keys::is_one(credential) && !self.api_keys.knows(credential)
    }

    /// Who shows this: an access token, or an API key.
    pub async fn authenticate(&self, credential: &str) -> Result<Caller, Failure> {
        if api_keys::is_one(credential) { self.holder_of(credential).await } else { self.verify(credential) }
    }

    /// Who holds this access token. Needs no database.
    pub fn verify(&self, token: &str) -> Result<Caller, Failure> {
        let caller = token::verify(&self.keys, token, self.clock.now())?;
        if self.revoked.holds(caller.session, caller.user) {
            return Err(Failure::new(Code::Unauthenticated, "this sign-in has ended"));
        }
        Ok(caller)
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
}

/// Creates or updates identity's tables in the database of a pool.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let options = pool.connect_options().as_ref().clone().options([("search_path", "identity")]);
    let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
    migrator.create_schema("identity");
    // A connection of its own, whose end releases the migration lock whatever happens.
    let mut connection = options.connect().await?;
    let outcome = migrator.run_direct(None, &mut connection, false).await;
    connection.close().await?;
    outcome
}
