//! The parts that no client talks to, and how they are.

use std::sync::Arc;

use async_nats::{Client, connection::State};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voxlog_core::clock::SystemClock;
use voxlog_gateway::operations::{Database, Health, Part, Probe};
use voxlog_projections::{ReadModel, last_seen, projector};

use crate::link::Link;

/// Those that this node has. It asks them when it has no gateway, whose own health counts otherwise.
#[derive(Debug, Default)]
pub(super) struct Behind {
    projections: Option<(ReadModel, Arc<voxlog_projections::Health>)>,
    workers: Option<(Client, Arc<voxlog_workers::Health>)>,
    database: Database,
}

impl Behind {
    /// Begins to keep the read models up.
    pub(super) fn project(&mut self, tasks: &mut JoinSet<()>, link: &Link, read: ReadModel, end: CancellationToken) {
        let health = Arc::default();
        self.projections = Some((read.clone(), Arc::clone(&health)));
        tasks.spawn(last_seen::run(link.bus.clone(), read.clone(), end.clone()));
        tasks.spawn(projector::run(projector::Config::default(), link.log.clone(), read, health, end));
    }

    /// Begins to do what no client waits for.
    pub(super) fn work(&mut self, tasks: &mut JoinSet<()>, link: &Link, end: CancellationToken) {
        let (client, health) = (link.client.clone(), Arc::default());
        self.workers = Some((client.clone(), Arc::clone(&health)));
        let parts = voxlog_workers::Parts {
            config: voxlog_workers::Config::new(link.replicas),
            log: link.log.clone(),
            bus: link.bus.clone(),
            client,
            namespace: link.namespace.clone(),
            clock: Arc::new(SystemClock),
            health,
        };
        tasks.spawn(voxlog_workers::run(parts, end));
    }
}

impl Probe for Behind {
    async fn look(&self) -> Health {
        let mut components = Vec::new();
        if let Some((read, health)) = &self.projections {
            components.push(("database", self.database.look(read.is_reachable()).await));
            components.push(("projections", if health.keeps_up() { Part::Ok } else { Part::Behind }));
        }
        if let Some((client, health)) = &self.workers {
            let connected = client.connection_state() == State::Connected;
            components.push(("log", if connected { Part::Ok } else { Part::Away }));
            let tasks = health.tasks().map(|(task, works)| (task, if works { Part::Ok } else { Part::Away }));
            components.extend(tasks);
        }
        Health::of(components)
    }
}
