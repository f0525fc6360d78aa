//! `voxlog token`: an access token for a terminal.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context as _, anyhow};
use voxlog_core::clock::SystemClock;
use voxlog_gateway::{
    config as gateway,
    error::Failure,
    identity::{Account, Identity},
};

use crate::{
    args::Token,
    config::{Reader, Sources},
    link, terminal,
};

/// Prints the token alone.
pub async fn run(token: &Token, sources: &Sources) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::new(sources);
    let (keys, database) = (reader.keys(), reader.database());
    let (Some(keys), Some(database)) = (keys, database) else { return Err(reader.into_faults().into()) };
    let config = gateway::Config { access_ttl: token.ttl, ..gateway::Config::with_key(keys.private) };
    let identity = Identity::new(link::identity_pool(&database)?, &config, Arc::new(SystemClock))
        .context("VOXLOG_JWT_PRIVATE_KEY")?;
    let account = find(&identity, &token.user).await?;
    terminal::print(identity.issue(account.id, account.operator).map_err(told)?.token)?;
    Ok(ExitCode::SUCCESS)
}

async fn find(identity: &Identity, user: &str) -> anyhow::Result<Account> {
    let account = match user.parse() {
        Ok(id) => identity.account(id).await,
        Err(_) => identity.account_named(user).await,
    };
    let account = account.map_err(told)?;
    account.ok_or_else(|| anyhow!("there is no user {user}"))
}

/// A failure of the gateway's own, as a command tells it.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn told(failure: Failure) -> anyhow::Error {
    anyhow!("{}", failure.detail)
}
