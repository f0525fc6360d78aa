//! The reaper: the sessions of a node that is gone go offline, and leave their calls.
//!
//! A gateway's lease vouches for all its sessions. When the lease is over, because the node was killed, cut off for too
//! long, or has ended in order, each of its sessions that is not offline is taken out of its call and then told to be
//! offline. Each step is conditional on what was seen, and all are done again until they are true, so it may be killed
//! anywhere, and two may do it at once:
//! * Leaving a call twice is leaving it once, and decided on the log.
//! * A session that was resumed elsewhere has a newer record, so what is told here is refused, and it is left alone.
//! * The offline record comes last. As long as it is missing, the session is found again.
//!
//! A node whose lease this reaper has never seen, be it that the reaper has just taken over or that NATS was away, has
//! some seconds of grace to show one.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use voxlog_core::{
    ambient,
    bus::{Bus, Heard, OFFLINE_KEPT, TellError},
    call::Command,
    clock::Clock,
    envelope::Envelope,
    event::Event,
    fold::command_call,
    id::{CorrelationId, EventId},
    log::{Log, ReadError},
    presence::Status,
};

use crate::{
    Config, Parts,
    acting::{Ask, Task},
};

mod nodes;
mod sessions;

use nodes::Nodes;
use sessions::{Session, Sessions};

/// How often leases are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sessions that are taken away at the same time.
const AT_ONCE: usize = 8;

/// What reaps.
#[derive(Clone)]
pub(crate) struct Reaper {
    log: Arc<dyn Log>,
    bus: Bus,
    clock: Arc<dyn Clock>,
    config: Config,
}

impl Reaper {
    pub(crate) fn new(Parts { log, bus, clock, config, .. }: &Parts) -> Self {
        Self { log: Arc::clone(log), bus: bus.clone(), clock: Arc::clone(clock), config: *config }
    }
}

impl Task for Reaper {
    const NAME: &'static str = "reaper";

    /// Everything that it must know stands in `PRESENCE` and `NODES`.
    type Progress = ();

    async fn begin(&self, _left: Option<()>) -> Result<(), ReadError> {
        Ok(())
    }

    fn act(&self, (): (), tasks: &mut JoinSet<()>) -> Ask<()> {
        tasks.spawn(self.clone().watch());
        Box::new(|| ())
    }
}

impl Reaper {
    async fn watch(self) {
        let (mut feed, mut looks) = (self.bus.presence(), interval(LOOK_EVERY));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut sessions, mut nodes) = (Sessions::default(), Nodes::new(self.config.grace));
        loop {
            tokio::select! {
                Some(heard) = feed.next() => {
                    if heard == Heard::Lost {
                        nodes.forget();
                    }
                    sessions.hear(heard);
                }
                _ = looks.tick() => {
                    if let Err(error) = self.look(&mut nodes, &sessions).await {
                        nodes.forget();
                        tracing::debug!(%error, "the reaper can't see the nodes");
                    }
                }
            }
        }
    }

    async fn look(&self, nodes: &mut Nodes, sessions: &Sessions) -> Result<(), ReadError> {
        let leases = self.bus.nodes().await?;
        nodes.see(leases.iter().map(|lease| lease.node), sessions.nodes());
        for node in nodes.gone() {
            // A replica that lags is no reason to take anybody away.
            if self.bus.is_alive(node).await? {
                continue;
            }
            let theirs: Vec<_> = sessions.of(node).collect();
            tracing::info!(%node, sessions = theirs.len(), "a node is gone, and its sessions go offline");
            stream::iter(theirs).for_each_concurrent(AT_ONCE, |session| self.reap(session)).await;
        }
        Ok(())
    }

    /// What fails here is found again at the next look.
    async fn reap(&self, session: &Session) {
        if let Some(room) = session.call {
            let lose = Command::Lose { session: session.id };
            if let Err(error) = command_call(&*self.log, &*self.clock, room, &lose).await {
                tracing::warn!(room.id = %room, %error, "the reaper could not take a session out of its call");
                return;
            }
        }
        match self.tell_offline(session).await {
            Ok(()) => metrics::counter!("voxlog_reaper_sessions_total").increment(1),
            // Somebody else has it now, or has told the same.
            Err(TellError::Conflict { .. }) => {}
            Err(error) => tracing::warn!(%error, "the reaper could not tell that a session is offline"),
        }
    }

    async fn tell_offline(&self, session: &Session) -> Result<(), TellError> {
        let clock = &*self.clock;
        let event = ambient::Event::PresenceChanged {
            user_id: session.user,
            session: session.id,
            node: session.node,
            epoch: session.epoch,
            status: Status::Offline,
            call: None,
        };
        let envelope = Envelope {
            id: EventId::mint(clock),
            subject: voxlog_core::event::Subject::User(session.user),
            time: clock.now(),
            actor: session.user,
            correlation: CorrelationId::mint(clock),
            causation: Some(session.told_by),
            event: Event::Ambient(event),
        };
        let told =
            self.bus.tell_presence(session.user, session.id, envelope.encode(), Some(session.seq), Some(OFFLINE_KEPT));
        told.await.map(|_| ())
    }
}
