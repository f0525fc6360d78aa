//! The servers under `voxlog up`: its own ones, or those that the environment names.

use std::path::Path;

use crate::{
    config::{Sources, settings},
    embedded::{EmbeddedError, NatsOptions, NatsServer, Postgres, PostgresOptions},
};

/// The database on a PostgreSQL of our own.
const DATABASE: &str = "voxlog";

#[derive(Debug)]
pub(super) struct Servers {
    nats: Nats,
    postgres: Database,
}

#[derive(Debug)]
enum Nats {
    Own(Box<NatsServer>),
    Foreign(String),
}

#[derive(Debug)]
enum Database {
    Own(Box<Postgres>),
    Foreign(String),
}

impl Servers {
    /// Starts what the environment does not name. Dropping it, finished or not, ends what was started.
    pub(super) async fn start(sources: &Sources, data_dir: &Path) -> Result<Self, EmbeddedError> {
        let named = |setting| sources.find(setting).map(|found| found.value.to_owned());
        let nats = if let Some(url) = named(&settings::NATS_URL) {
            Nats::Foreign(url)
        } else {
            eprintln!("starting nats-server …");
            Nats::Own(Box::new(NatsServer::start(NatsOptions::new(data_dir.join("nats"))).await?))
        };
        let postgres = if let Some(url) = named(&settings::DATABASE_URL) {
            Database::Foreign(url)
        } else {
            eprintln!("starting PostgreSQL …");
            let server = Postgres::start(PostgresOptions::new(data_dir.join("postgres"))).await?;
            server.create_database(DATABASE).await?;
            Database::Own(Box::new(server))
        };
        Ok(Self { nats, postgres })
    }

    pub(super) fn nats_url(&self) -> String {
        match &self.nats {
            Nats::Own(server) => server.url(),
            Nats::Foreign(url) => url.clone(),
        }
    }

    /// With its password.
    pub(super) fn database_url(&self) -> String {
        match &self.postgres {
            Database::Own(server) => server.url(DATABASE),
            Database::Foreign(url) => url.clone(),
        }
    }

    /// Stops the own ones, the log last, and tells the first failure.
    pub(super) async fn stop(&mut self) -> Result<(), EmbeddedError> {
        let postgres = match &mut self.postgres {
            Database::Own(server) => server.stop().await,
            Database::Foreign(_) => Ok(()),
        };
        let nats = match &mut self.nats {
            Nats::Own(server) => server.stop().await,
            Nats::Foreign(_) => Ok(()),
        };
        postgres.and(nats)
    }
}
