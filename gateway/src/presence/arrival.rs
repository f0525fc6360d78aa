//! How a socket comes to its session, and what happens when it has gone.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::Time,
    id::{SessionId, UserId},
    position::Seq,
    presence::Status,
};

use super::{LINGER, Presence, Record, own::Own};
use crate::error::Code;

/// How long a session that is offline may still be resumed: as long as signals are kept for it.
const RESUMED_WITHIN: Duration = Duration::from_mins(1);

/// A session whose record may not have come here yet is waited for, if it began so short a time ago.
const YOUNG: Duration = Duration::from_mins(1);
const SEEN_WITHIN: Duration = Duration::from_millis(500);

/// How often a socket tries to take a session over that others take over at the same time.
const RESUMES: usize = 3;

/// The pause before a session is taken out of its call again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A socket has a session now.
#[derive(Debug)]
pub struct Arrived {
    /// Its hold of it.
    pub here: Here,
    /// Whether the session is the one that it asked for.
    pub resumed: bool,
}

/// A socket's hold of its session. When it is dropped, the session waits for the next socket.
#[derive(Debug)]
pub struct Here {
    presence: Arc<Presence>,
    own: Arc<Own>,
    number: u64,
    displaced: CancellationToken,
}

impl Here {
    /// Which session.
    pub fn session(&self) -> SessionId {
        self.own.session
    }

    /// Waits until another socket has taken the session over.
    pub async fn displaced(&self) {
        self.displaced.cancelled().await;
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        metrics::gauge!("voxlog_sessions").decrement(1);
        self.presence.lost_socket(&self.own, self.number);
    }
}

impl Presence {
    /// A socket of this user has come: it goes on with the session that it wants, if that is theirs and not gone for
    /// long, or else begins the session `fresh`. When this answers others can be told, unless NATS is away.
    pub async fn arrive(
        self: &Arc<Self>,
        user: UserId,
        fresh: SessionId,
        status: Option<Status>,
        resume: Option<SessionId>,
    ) -> Arrived {
        for session in std::iter::repeat_n(resume, RESUMES).flatten() {
            let Some(own) = self.resume(user, session, status).await else { break };
            let here = self.hold(own);
            self.tell_now(&here.own).await;
            // Somebody else was faster, or the picture was behind: who came last has it.
            if !here.own.is_elsewhere() {
                return Arrived { here, resumed: true };
            }
        }
        let own = Arc::new(Own::new(user, fresh, self.node, status.unwrap_or_default()));
        self.own_sessions().insert(fresh, Arc::clone(&own));
        let here = self.hold(own);
        self.tell_now(&here.own).await;
        Arrived { here, resumed: false }
    }

    async fn resume(&self, user: UserId, session: SessionId, status: Option<Status>) -> Option<Arc<Own>> {
        if let Some(own) = self.resume_own(user, session, status) {
            return Some(own);
        }
        let record = self.resumable(user, session).await?;
        let own = Arc::new(Own::after(record, self.node, status));
        let mut sessions = self.own_sessions();
        // Another socket may have been faster here, or this node may have had it before the gateway that has it now.
        let own = match sessions.get(&session) {
            Some(other) if other.resume(status) => Arc::clone(other),
            _ => {
                sessions.insert(session, Arc::clone(&own));
                own
            }
        };
        drop(sessions);
        if let Some(room) = own.call() {
            self.claim(session, room);
        }
        Some(own)
    }

    fn resume_own(&self, user: UserId, session: SessionId, status: Option<Status>) -> Option<Arc<Own>> {
        let sessions = self.own_sessions();
        let own = sessions.get(&session).filter(|own| own.user == user)?;
        own.resume(status).then(|| Arc::clone(own))
    }

    async fn resumable(&self, user: UserId, session: SessionId) -> Option<Record> {
        let now = self.clock.now();
        let age = |since: Time| (now - since).to_std().unwrap_or_default();
        let record = match self.picture.record(session) {
            None if age(session.time()) <= YOUNG => self.picture.reach(session, Seq::ZERO, SEEN_WITHIN).await,
            record => record,
        };
        let lasts = |record: &Record| record.status != Status::Offline || age(record.told_at) <= RESUMED_WITHIN;
        record.filter(|record| record.user == user && lasts(record))
    }

    fn hold(self: &Arc<Self>, own: Arc<Own>) -> Here {
        metrics::gauge!("voxlog_sessions").increment(1);
        let held = own.hold();
        Here { presence: Arc::clone(self), own, number: held.number, displaced: held.displaced }
    }

    /// Of a node that goes, the sessions are the reaper's.
    fn lost_socket(self: &Arc<Self>, own: &Arc<Own>, number: u64) {
        if !own.is_held_by(number) {
            return;
        }
        let (presence, own) = (Arc::clone(self), Arc::clone(own));
        tokio::spawn(async move {
            let lingering = presence.linger(&own, number);
            presence.shutdown.run_until_cancelled(lingering).await;
        });
    }

    async fn linger(self: &Arc<Self>, own: &Arc<Own>, number: u64) {
        tokio::time::sleep(LINGER).await;
        while let Some(room) = own.call().filter(|_| own.is_held_by(number) && own.is_here()) {
            match self.hub.lose(own.user, own.session, room).await {
                Err(failure) if matches!(failure.code, Code::Unavailable | Code::OutcomeUnknown) => {
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                _ => break,
            }
        }
        if own.give_up(number)
            && let Err(error) = self.tell_later(own).await
        {
            tracing::error!(%error, "a session's end could not be told");
        }
        self.let_go(own);
    }

    /// Forgets a session that is not here any more, unless it has come back meanwhile.
    pub(super) fn let_go(&self, own: &Arc<Own>) {
        let mut sessions = self.own_sessions();
        let same = sessions.get(&own.session).is_some_and(|there| Arc::ptr_eq(there, own));
        if same && !own.is_here() {
            sessions.remove(&own.session);
        }
    }
}
