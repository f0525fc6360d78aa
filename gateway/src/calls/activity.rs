//! What keeps a call from ending by itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;
use voxlog_core::{
    bus::{Bus, Due},
    clock::Clock,
    id::{CallId, RoomId},
};

/// How often the end of one call is put off, at most.
const EVERY: Duration = Duration::from_mins(1);

/// Calls that a node remembers before it forgets those whose end may be put off again.
const MAX_REMEMBERED: usize = 10_000;

/// When this node last put off the end of each call.
///
/// The date of its end stands in NATS, and workers end the call when it comes. Every gateway puts the same date off, always
/// to later, so the last activity anywhere counts.
#[derive(Debug)]
pub struct Activity {
    bus: Bus,
    clock: Arc<dyn Clock>,
    idle: Duration,
    every: Duration,
    put_off: Mutex<HashMap<RoomId, (CallId, Instant)>>,
}

impl Activity {
    /// Calls end after `idle` without activity, or at most a minute later.
    pub fn new(bus: Bus, clock: Arc<dyn Clock>, idle: Duration) -> Self {
        Self { bus, clock, idle, every: EVERY.min(idle / 4), put_off: Mutex::default() }
    }

    /// Something has happened in a call. Never waits.
    pub fn touch(self: &Arc<Self>, room: RoomId, call: CallId) {
        if self.may_put_off(room, call, Instant::now()) {
            tokio::spawn(Arc::clone(self).put_off(room, call));
        }
    }

    fn may_put_off(&self, room: RoomId, call: CallId, now: Instant) -> bool {
        let mut put_off = self.put_off.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |at: Instant| now.duration_since(at) < self.every;
        if put_off.get(&room).is_some_and(|&(last, at)| last == call && recent(at)) {
            return false;
        }
        if put_off.len() >= MAX_REMEMBERED {
            put_off.retain(|_, &mut (_, at)| recent(at));
        }
        put_off.insert(room, (call, now));
        true
    }

    /// By a moment more than `idle`: what happens until this is done next puts nothing off.
    async fn put_off(self: Arc<Self>, room: RoomId, call: CallId) {
        let (at, payload) = (self.clock.now() + self.idle + self.every, json!({ "callId": call }));
        if let Err(error) = self.bus.schedule(Due::Call(room), at, payload.to_string().into()).await {
            tracing::warn!(room.id = %room, ?error, "a call's end is not put off");
            self.put_off.lock().unwrap_or_else(PoisonError::into_inner).remove(&room);
        }
    }
}
