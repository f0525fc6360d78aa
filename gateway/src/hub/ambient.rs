//! What is true in a room only now: who is there, who is typing, who is speaking in its call.
//!
//! Nobody decides on it and nothing of it is in the log, so it goes to sockets beside the events: at a *tick*, four times
//! a second, each room that somebody listens to is compared with what its listeners were *told* last, and they get what
//! is different. What they were told has a *version*. A socket's snapshot in `subscribed` has one too, so when its outbox
//! is attached it is known whether a tick fell between; then, as after an overflow, it gets the whole again.
//!
//! * [`told`]: what the listeners of a room were told.
//! * [`murmurs`]: who said that they type or speak, before anybody asks whether they may.
//! * [`frame`]: what sockets get, encoded once and merged where a socket is slow.

use std::{sync::Arc, time::Instant};

use voxlog_core::{
    ambient::Event,
    call::{self, check_may_speak},
    clock::Time,
    decider::Asked,
    id::{RoomId, SessionId, UserId},
};

use super::{Hub, execute::closed, lane::Slot};
use crate::{error::Failure, presence::Picture};

pub mod frame;
mod murmurs;
pub(super) mod told;

pub use frame::AmbientFrame;
pub(super) use murmurs::Murmurs;

/// A device is in a room's call now, or no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallChange {
    /// Whose call.
    pub room: RoomId,
    /// Which device.
    pub session: SessionId,
    /// Whether it is in it.
    pub inside: bool,
}

impl Hub {
    /// Who is there, as all gateways know it.
    pub const fn picture(&self) -> &Arc<Picture> {
        &self.picture
    }

    /// Whether a device is in a room's call.
    pub async fn is_in_call(self: &Arc<Self>, room: RoomId, session: SessionId) -> Result<bool, Failure> {
        self.open(room).await?;
        let mut rooms = self.lane(room).lock();
        Ok(rooms.open(room).ok_or_else(closed)?.is_in_call(session))
    }

    /// Takes a device out of a room's call that has been gone for too long.
    pub(crate) async fn lose(self: &Arc<Self>, user: UserId, session: SessionId, room: RoomId) -> Result<(), Failure> {
        self.call_command(user, room, call::Command::Lose { session }).await.map(|_done| ())
    }

    /// Somebody types or speaks, or no more, as they said at `time`. Whether they may is looked at when it is shown.
    pub(crate) fn hear(&self, room: RoomId, event: &Event, time: Time) {
        self.lane(room).lock().murmurs.entry(room).or_default().hear(event, time, Instant::now());
    }

    /// Refuses who may not write in a room.
    pub(crate) async fn check_may_write(self: &Arc<Self>, room: RoomId, asked: Asked) -> Result<(), Failure> {
        self.open(room).await?;
        let mut rooms = self.lane(room).lock();
        Ok(check_may_speak(rooms.open(room).ok_or_else(closed)?.state(), asked)?)
    }

    /// Brings every room's listeners up to what is so now. Gives who has come into calls or gone out of them since the
    /// last time, of the rooms in use.
    pub(crate) fn flush_ambience(&self) -> Vec<CallChange> {
        let (now, at, changed) = (Instant::now(), self.clock.now(), self.picture.take_changed());
        let mut calls = Vec::new();
        for lane in &self.lanes {
            let rooms = &mut *lane.lock();
            for (id, slot) in &mut rooms.slots {
                let Slot::Open(open) = slot else { continue };
                for (user, time) in open.told.take_posted() {
                    rooms.murmurs.entry(*id).or_default().posted(user, time, now);
                }
                calls.extend(open.call_changes());
            }
            rooms.murmurs.retain(|_, murmurs| murmurs.fade(now));
            for (id, slot) in &mut rooms.slots {
                if let Slot::Open(open) = slot {
                    open.flush(&changed, rooms.murmurs.get(id), &self.picture, at);
                }
            }
        }
        calls
    }
}
