//! The key that signs tokens.

use std::sync::Arc;

use sqlx::postgres::PgPoolOptions;
use voxlog_core::clock::SystemClock;
use voxlog_gateway::{config as gateway, identity::Identity};

use super::Check;
use crate::config::Keys;

pub(super) fn examine(keys: Keys, embedded: bool) -> Check {
    let name = "signing key";
    let config = gateway::Config { former_keys_pem: keys.former, ..gateway::Config::with_key(keys.private) };
    // Keys are read without the database, so the pool never connects.
    let pool = PgPoolOptions::new().connect_lazy_with(sqlx::postgres::PgConnectOptions::new());
    match Identity::new(pool, &config, Arc::new(SystemClock)) {
        Err(error) => Check::fail(name, error.to_string(), "make one: openssl genpkey -algorithm ed25519"),
        Ok(_) if embedded => {
            let found = "the one that `voxlog up` made, good on loopback alone";
            Check::warn(name, found, "for more make one: openssl genpkey -algorithm ed25519")
        }
        Ok(_) => Check::ok(name, format!("Ed25519, {} former", config.former_keys_pem.len())),
    }
}
