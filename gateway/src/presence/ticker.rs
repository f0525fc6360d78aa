//! What changes at most four times a second: the pictures that sockets have of their rooms, and whether this node's
//! sessions are in the calls that their records name.

use std::{
    mem,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};
use voxlog_core::id::{RoomId, SessionId};

use super::Presence;
use crate::hub::ambient::CallChange;

/// Four a second.
const TICK: Duration = Duration::from_millis(250);

/// How long a join may be under way: longer than the log may take to elect a leader.
const JOINED_WITHIN: Duration = Duration::from_secs(20);

/// A session's record names a call that its chain may not show yet, or no more: a join is under way, or the session was
/// resumed here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    session: SessionId,
    room: RoomId,
    until: Instant,
}

pub(super) async fn run(presence: Arc<Presence>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for CallChange { room, session, inside } in presence.hub.flush_ambience() {
            presence.call_changed(room, session, inside);
        }
        presence.forget_pace();
        for claim in mem::take(&mut *presence.claims()) {
            tokio::spawn(Arc::clone(&presence).verify(claim));
        }
    }
}

impl Presence {
    pub(super) fn claim(&self, session: SessionId, room: RoomId) {
        self.claims().push(Claim { session, room, until: Instant::now() + JOINED_WITHIN });
    }

    async fn verify(self: Arc<Self>, claim: Claim) {
        let Claim { session, room, until } = claim;
        let Some(own) = self.own_session(session).filter(|own| own.claims(room)) else { return };
        match self.hub.is_in_call(room, session).await {
            Ok(true) => own.confirm(room),
            Ok(false) if Instant::now() >= until => self.leave_call(session),
            Ok(false) | Err(_) => self.claims().push(claim),
        }
    }

    fn claims(&self) -> MutexGuard<'_, Vec<Claim>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
