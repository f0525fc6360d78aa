//! A hub by itself: a log behind it, and neither sockets nor PostgreSQL.

use std::sync::Arc;

use anyhow::Result;
use tokio_util::sync::{CancellationToken, DropGuard};
use voxlog_core::{
    clock::SystemClock,
    log::{Log, MemoryLog},
    position::Partitions,
    room::{self, Settings},
};
use voxlog_gateway::{config::Config, hub::Hub};
use voxlog_projections::ReadModel;

const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";

/// A hub that works for as long as this is kept.
#[derive(Debug)]
pub struct Alone {
    /// The hub.
    pub hub: Arc<Hub>,
    _over: DropGuard,
}

impl Alone {
    /// One on this log. Only messages that are in a room's ring, so many events of `config`, can be acted upon.
    pub async fn on(log: Arc<dyn Log>, config: Config) -> Result<Self> {
        let (over, clock) = (CancellationToken::new(), Arc::new(SystemClock));
        let hub = Hub::start(log, ReadModel::connect(NOWHERE, "voxlog")?, clock, config, Arc::default(), &over).await?;
        Ok(Self { hub, _over: over.drop_guard() })
    }

    /// One on a log in memory, with the usual settings.
    pub async fn in_memory() -> Result<Self> {
        Self::on(Arc::new(MemoryLog::new(Partitions::new(1).expect("one"))), Config::with_key("")).await
    }
}

/// What opens a room for 50.
pub fn a_room(settings: Settings) -> room::Command {
    room::Command::Create {
        name: "Lobby".to_owned(),
        description: String::new(),
        code: room::code(&mut rand::random::<u8>),
        max_users: 50,
        settings,
    }
}
