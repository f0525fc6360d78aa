//! What this node hears of the others.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::StreamExt;
use voxlog_core::{
    bus::{Bus, BusSubject, Heard, Told},
    envelope::Envelope,
    event::Event,
};

use super::{Presence, Record};
use crate::Gateway;

/// How often those who are gone for long are forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// Keeps the picture, and sees to it that the records of this node's sessions say what is so.
pub(super) async fn follow(presence: Arc<Presence>) {
    let mut heard = presence.bus.presence();
    let mut forgetting = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            Some(heard) = heard.next() => match heard {
                Heard::Told(told) => presence.note(&told),
                Heard::Lost => presence.picture.lost(),
                Heard::CaughtUp => {
                    presence.picture.caught_up();
                    presence.compare();
                }
            },
            _ = forgetting.tick() => presence.picture.forget_the_gone(presence.clock.now()),
        }
    }
}

impl Presence {
    fn note(self: &Arc<Self>, told: &Told) {
        let Some(record) = Record::read(told) else { return };
        self.picture.note(record);
        let Some(own) = self.own_session(record.session) else { return };
        own.note(record.seq, record.into());
        if own.is_elsewhere() {
            self.let_go(&own);
        } else if own.to_tell().is_some() {
            self.tell_later(&own);
        }
    }

    /// The picture is whole. What it has not is not there any more, however it went.
    fn compare(self: &Arc<Self>) {
        let sessions: Vec<_> = self.own_sessions().values().cloned().collect();
        for own in sessions {
            if self.picture.record(own.session).is_none() && own.telling.try_lock().is_ok() {
                own.note_none();
            }
            if own.to_tell().is_some() {
                self.tell_later(&own);
            }
        }
    }
}

/// Hands on who types and speaks, and what devices signal to each other.
pub(super) async fn listen(gateway: Weak<Gateway>, bus: Bus) {
    let mut signals = bus.signals();
    while let Some(heard) = signals.next().await {
        let Some(gateway) = gateway.upgrade() else { return };
        match heard {
            Heard::Told(told) => match told.subject {
                BusSubject::Typing { room } | BusSubject::Speaking { room } => {
                    if let Ok(Envelope { time, event: Event::Ambient(event), .. }) = Envelope::decode(&told.payload) {
                        gateway.hub.hear(room, &event, time);
                    }
                }
                BusSubject::Signal { .. } => gateway.signals.heard(&told),
                BusSubject::Presence { .. } => {}
            },
            Heard::Lost => gateway.signals.lost(),
            Heard::CaughtUp => {}
        }
    }
}
