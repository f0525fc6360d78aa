//! `voxlog operator`: who may use the console. Where the database is at hand, and never over the network.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use sqlx::PgPool;
use voxlog_core::{
    clock::{SystemClock, Time},
    id::UserId,
};
use voxlog_gateway::identity::{Account, migrate, operators};

use super::token::told;
use crate::{
    args::{Format, Operator, OperatorAction},
    config::{Reader, Sources},
    link, terminal,
};

/// An operator, as the list shows them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: UserId,
    username: String,
    created_at: Time,
}

/// Does it. What is so already is no error.
pub async fn run(operator: &Operator, sources: &Sources) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::new(sources);
    let Some(database) = reader.database() else { return Err(reader.into_faults().into()) };
    let pool = link::identity_pool(&database)?;
    migrate(&pool).await.context("identity's tables can't be prepared: is PostgreSQL there?")?;
    match &operator.action {
        OperatorAction::Grant { user } => grant(&pool, user).await?,
        OperatorAction::Revoke { user } => revoke(&pool, user).await?,
        OperatorAction::List => list(&pool, operator.format).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn grant(pool: &PgPool, user: &str) -> anyhow::Result<()> {
    let account = find(pool, user).await?;
    let fresh = operators::grant(pool, account.id).await.map_err(told)?;
    let name = &account.username;
    if fresh {
        eprintln!("{name} is an operator now, from the next sign-in on");
    } else {
        eprintln!("{name} was an operator already");
    }
    Ok(())
}

async fn revoke(pool: &PgPool, user: &str) -> anyhow::Result<()> {
    let account = find(pool, user).await?;
    let was_one = operators::revoke(pool, account.id, &SystemClock).await.map_err(told)?;
    let name = &account.username;
    if was_one {
        eprintln!("{name} is no operator any more, and is signed out everywhere");
    } else {
        eprintln!("{name} was no operator");
    }
    Ok(())
}

async fn list(pool: &PgPool, format: Format) -> anyhow::Result<()> {
    let accounts = operators::list(pool).await.map_err(told)?;
    let listed = |Account { id, username, created_at, .. }| Listed { id, username, created_at };
    let operators: Vec<_> = accounts.into_iter().map(listed).collect();
    if format == Format::Json {
        return terminal::print_json(&operators);
    }
    if operators.is_empty() {
        eprintln!("nobody is an operator: `voxlog operator grant NAME` makes one");
        return Ok(());
    }
    let mut table = terminal::table(["NAME", "ID", "ACCOUNT SINCE"]);
    for Listed { id, username, created_at } in operators {
        table.add_row([username, id.to_string(), created_at.to_string()]);
    }
    Ok(terminal::print(table.trim_fmt())?)
}

async fn find(pool: &PgPool, user: &str) -> anyhow::Result<Account> {
    operators::find(pool, user).await.map_err(told)?.ok_or_else(|| anyhow!("there is no user {user}"))
}
