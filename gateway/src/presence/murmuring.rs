//! Telling the other gateways who types and who speaks.

use std::{
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use voxlog_core::{
    ambient::Event,
    bus::TellError,
    decider::Asker,
    event::Subject,
    id::{RoomId, SessionId, UserId},
    rejection::Rejection,
};

use super::{Presence, pacer::Pacer, telling::encode};
use crate::error::Failure;

/// What was passed on lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    typing: Mutex<Pacer<(RoomId, UserId)>>,
    speaking: Mutex<Pacer<(RoomId, SessionId)>>,
}

impl Presence {
    /// Tells all gateways that a member is typing, or no more: at most once a second. Only who may write may say so.
    pub async fn type_in(&self, by: impl Into<Asker>, room: RoomId, typing: bool) -> Result<(), Failure> {
        let asked = by.into().at(self.clock.now());
        self.hub.check_may_write(room, asked).await?;
        let user_id = asked.by;
        if lets_pass(&self.pace.typing, (room, user_id), typing) {
            let event = if typing { Event::TypingStarted { user_id } } else { Event::TypingStopped { user_id } };
            let payload = encode(&*self.clock, user_id, Subject::Room(room), event);
            settle(self.bus.tell_typing(room, payload).await);
        }
        Ok(())
    }

    /// Tells all gateways that a device in a room's call is heard now, or silent again: at most once a second.
    pub async fn speak(&self, room: RoomId, user: UserId, session: SessionId, speaking: bool) -> Result<(), Failure> {
        if !self.hub.is_in_call(room, session).await? {
            return Err(Rejection::Conflict("you are not in this room's call").into());
        }
        if lets_pass(&self.pace.speaking, (room, session), speaking) {
            let event = Event::SpeakingChanged { user_id: user, session, speaking };
            let payload = encode(&*self.clock, user, Subject::Room(room), event);
            settle(self.bus.tell_speaking(room, payload).await);
        }
        Ok(())
    }

    /// Forgets what is over by itself.
    pub(super) fn forget_pace(&self) {
        let now = Instant::now();
        self.pace.typing.lock().unwrap_or_else(PoisonError::into_inner).forget(now);
        self.pace.speaking.lock().unwrap_or_else(PoisonError::into_inner).forget(now);
    }
}

fn lets_pass<K: Eq + Hash>(pacer: &Mutex<Pacer<K>>, key: K, begins: bool) -> bool {
    pacer.lock().unwrap_or_else(PoisonError::into_inner).lets_pass(key, begins, Instant::now())
}

/// What is true only for some seconds is not worth an error when NATS is away: it is simply not seen.
fn settle(told: Result<(), TellError>) {
    if let Err(error) = told {
        tracing::debug!(%error, "something that is true for a moment was not told");
    }
}
