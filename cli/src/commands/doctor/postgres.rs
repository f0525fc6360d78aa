//! The database.

use std::{str::FromStr, time::Duration};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{Check, clocks};
use crate::link::SCHEMA;

/// The oldest major version that is tested, as PostgreSQL numbers it.
const OLDEST: i32 = 150_000;

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn examine(url: &str) -> Vec<Check> {
    match timeout(PATIENCE, questions(url)).await {
        Ok(Ok(checks)) => checks,
        Ok(Err(error)) => vec![away(&error.to_string())],
        Err(_) => vec![away(&format!("no answer within {} s", PATIENCE.as_secs()))],
    }
}

/// Messages flow without it, so nothing else of this fails.
fn away(problem: &str) -> Check {
    Check::fail(
        "PostgreSQL",
        problem,
        "start it, or correct DATABASE_URL; until then history, search and sign-in are away",
    )
}

async fn questions(url: &str) -> Result<Vec<Check>, sqlx::Error> {
    let mut connection = PgConnection::connect_with(&PgConnectOptions::from_str(url)?).await?;
    let mut checks = vec![version(&mut connection).await?];
    for (schema, what) in [(SCHEMA, "read models"), ("identity", "accounts")] {
        checks.push(migrations(&mut connection, schema, what).await?);
    }
    checks.push(clocks::postgres(&mut connection).await?);
    connection.close().await?;
    Ok(checks)
}

async fn version(connection: &mut PgConnection) -> Result<Check, sqlx::Error> {
    let (number, text): (String, String) =
        sqlx::query_as("select current_setting('server_version_num'), current_setting('server_version')")
            .fetch_one(connection)
            .await?;
    let found = format!("version {text}");
    let fits = number.parse::<i32>().is_ok_and(|number| number >= OLDEST);
    Ok(if fits { Check::ok("PostgreSQL", found) } else { Check::fail("PostgreSQL", found, "install 15 or newer") })
}

async fn migrations(connection: &mut PgConnection, schema: &str, what: &str) -> Result<Check, sqlx::Error> {
    let table = format!("{schema}._sqlx_migrations");
    let there: bool =
        sqlx::query_scalar("select to_regclass($1) is not null").bind(&table).fetch_one(&mut *connection).await?;
    if !there {
        let found = format!("no tables for {what} yet");
        return Ok(Check::warn("migrations", found, "the first `voxlog serve` makes them"));
    }
    // The schema is one of our own two names.
    let question = format!("select count(*), count(*) filter (where not success) from {table}");
    let (all, failed): (i64, i64) = sqlx::query_as(sqlx::AssertSqlSafe(question)).fetch_one(connection).await?;
    Ok(if failed == 0 {
        Check::ok("migrations", format!("{what}: {all} applied"))
    } else {
        Check::fail(
            "migrations",
            format!("{what}: {failed} of {all} failed"),
            "look at the log of the first `voxlog serve`",
        )
    })
}
