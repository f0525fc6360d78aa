//! The PostgreSQL schemas that hold read models, and their migrations.

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, migrate::MigrateError, migrate::Migrator,
    postgres::PgConnectOptions,
};

static MIGRATOR: Migrator = sqlx::migrate!();

/// Held while a schema is made, migrated or swapped. The number is "voxlog" in ASCII.
pub(crate) const SCHEMA_LOCK: i64 = 0x766f_786c_6f67;

/// A schema's name that can stand in SQL as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema(String);

impl Schema {
    /// `None` unless it is 1 to 48 lower-case letters, digits and `_`, beginning with a letter: with a suffix it still
    /// fits into PostgreSQL's 63 bytes.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let sane = plain && name.len() <= 48 && name.starts_with(|first: char| first.is_ascii_lowercase());
        sane.then(|| Self(name.to_owned()))
    }

    /// [`Self::new`] as an error of configuration.
    pub(crate) fn parse(name: &str) -> Result<Self, sqlx::Error> {
        Self::new(name).ok_or_else(|| sqlx::Error::Configuration(format!("{name:?} is no name for a schema").into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Its neighbour of that suffix: `voxlog` and `next` make `voxlog_next`.
    pub(crate) fn beside(&self, suffix: &str) -> Self {
        Self(format!("{}_{suffix}", self.0))
    }
}

/// Makes the schema if it is not there and brings it up to this version. Nodes that start at once do it one after the
/// other: the lock is the connection's, so it is gone with it.
pub(crate) async fn migrate(options: &PgConnectOptions, schema: &Schema) -> Result<(), MigrateError> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(SCHEMA_LOCK).execute(&mut connection).await?;
    let create = format!("CREATE SCHEMA IF NOT EXISTS {}", schema.as_str());
    connection.execute(AssertSqlSafe(create)).await?;
    // Unlike `run`, its future can be spawned.
    MIGRATOR.run_direct(None, &mut connection, false).await?;
    connection.close().await?;
    Ok(())
}

/// Drops a schema with all that is in it.
pub(crate) async fn drop_schema(connection: &mut PgConnection, schema: &Schema) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {} CASCADE", schema.as_str()))).await?;
    Ok(())
}

/// Gives a schema another name. Takes no lock on its tables: a statement that is under way ends on the tables that it
/// began with, and the next one finds the others.
pub(crate) async fn rename_schema(
    connection: &mut PgConnection,
    from: &Schema,
    to: &Schema,
) -> Result<(), sqlx::Error> {
    let rename = format!("ALTER SCHEMA {} RENAME TO {}", from.as_str(), to.as_str());
    connection.execute(AssertSqlSafe(rename)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_can_smuggle_nothing_into_a_statement() {
        for name in ["", "Vox", "1a", "a b", "a;b", "a\"b", "a.b", &"a".repeat(49)] {
            assert_eq!(Schema::new(name), None, "{name}");
        }
        assert_eq!(Schema::new("voxlog").unwrap().beside("next").as_str(), "voxlog_next");
    }
}
