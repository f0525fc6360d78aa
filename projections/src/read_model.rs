//! The read models' database.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    PgPool,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    checkpoint::Positions,
    schema::{self, Schema},
};

/// How long a query waits for a connection. Short: while PostgreSQL is away, a reader should be told, not kept.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Enough for the projectors of eight partitions and as many readers, far below PostgreSQL's default of 100.
const CONNECTIONS: u32 = 16;

/// The tables of one schema. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct ReadModel {
    pool: PgPool,
    options: PgConnectOptions,
    schema: Schema,
    pub(crate) positions: Arc<Positions>,
}

impl ReadModel {
    /// Prepares the connections to `schema` (live: `voxlog`) of the database at `url`, and opens none: PostgreSQL may
    /// start later. Fails on a URL that is none and on a schema that is not plain lower-case.
    pub fn connect(url: &str, schema: &str) -> Result<Self, sqlx::Error> {
        let schema = Schema::parse(schema)?;
        Ok(Self::open(options(url, &schema)?, schema))
    }

    pub(crate) fn open(options: PgConnectOptions, schema: Schema) -> Self {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = pool.connect_lazy_with(options.clone());
        Self { pool, options, schema, positions: Arc::default() }
    }

    /// Makes the schema if it is not there and brings it up to this version. Any number of nodes may do it at once.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        schema::migrate(&self.options, &self.schema).await
    }

    /// The connections, whose `search_path` is this schema.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(crate) const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Whether PostgreSQL answers. May take as long as PostgreSQL does.
    pub async fn is_reachable(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Closes the connections once what is under way has ended.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// How to connect so that unqualified names mean `schema`. The time zone is fixed because digests read times as text.
pub(crate) fn options(url: &str, schema: &Schema) -> Result<PgConnectOptions, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?.application_name("voxlog");
    Ok(within(options.options([("timezone", "UTC")]), schema))
}

/// The same connection, in which unqualified names mean another schema. Of two such options PostgreSQL takes the last.
pub(crate) fn within(options: PgConnectOptions, schema: &Schema) -> PgConnectOptions {
    options.options([("search_path", schema.as_str())])
}
