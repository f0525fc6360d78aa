//! What the devices of a call tell each other to find a way: passed on unread, once, and in order.
//!
//! A signal that was acknowledged is in the stream `SIGNAL`, for a minute. Every gateway hears all of them and hands each
//! to the socket that the session has here, if it has one. Whatever that missed, by a broken connection or by being
//! slow, it reads again from the stream, after the last one that it has written ([`Inbox`]).
//!
//! Only devices in a call signal to each other, and only while they are in it. Who sends is looked at on the room as it is
//! after all that the log had by then, so after a kick nothing of the kicked is taken, by whatever gateway.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use serde_json::Value;
use voxlog_core::{
    ambient,
    bus::{Bus, BusSubject, TellError, Told},
    clock::Clock,
    envelope::Envelope,
    event::{Event, Subject},
    fold::Folded,
    id::{CallId, CorrelationId, EventId, RoomId, SessionId},
    position::Seq,
};

use super::Inbox;
use crate::{
    error::{Code, Failure},
    hub::{Hub, Item, Outbox},
    limits::{Budget, Limits},
    protocol::{ServerFrame, reply::Device},
};

/// What costs as much of the user's budget as another command: so one user can't fill the stream in which everybody's
/// signals are kept. A session description has some of it, a candidate a tenth.
const BYTES_A_COMMAND: usize = 4 * 1024;

/// The signals of this node's sockets.
#[derive(Debug)]
pub struct Signals {
    hub: Arc<Hub>,
    bus: Bus,
    clock: Arc<dyn Clock>,
    limits: Arc<Limits>,
    /// The sessions that have a socket here, and what waits for it.
    attached: Mutex<HashMap<SessionId, Arc<Outbox>>>,
}

/// Something that one device of a call tells another.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Where it stands among the signals of the session that it is for.
    pub seq: Seq,
    /// Whose call.
    pub room: RoomId,
    /// Which call.
    pub call_id: CallId,
    /// Who tells it.
    pub from: Device,
    /// Whom it is for.
    pub to: SessionId,
    /// As it was sent.
    pub data: Value,
    /// What it takes of the memory of a queue.
    pub bytes: usize,
}

impl Signals {
    /// Nobody is attached yet.
    pub fn new(hub: Arc<Hub>, bus: Bus, clock: Arc<dyn Clock>, limits: Arc<Limits>) -> Self {
        Self { hub, bus, clock, limits, attached: Mutex::default() }
    }

    /// Passes something on from one device of a room's call to another, and says which call that is. When it answers, the
    /// signal is kept. What is large uses up more of the budget of `payer`.
    pub async fn send(
        &self,
        from: Device,
        payer: &str,
        room: RoomId,
        to: SessionId,
        data: Value,
    ) -> Result<CallId, Failure> {
        let call_id = self.hub.exactly(room, |folded| Ok(call_of_both(folded, from, to))).await?;
        let call_id = call_id.ok_or_else(not_in_one_call)?;
        let payload = self.envelope(from, room, call_id, to, data).encode();
        let further = u32::try_from(payload.len() / BYTES_A_COMMAND).unwrap_or(u32::MAX);
        if further > 0 {
            self.limits.take(Budget::User, payer, further)?;
        }
        match self.bus.tell_signal(to, payload).await {
            Ok(_) => Ok(call_id),
            Err(TellError::Unavailable(what)) => {
                tracing::warn!(what, "a signal may not have been kept");
                Err(Failure::outcome_unknown())
            }
            Err(error @ (TellError::Conflict { .. } | TellError::Refused(_))) => Err(Failure::internal(&error)),
        }
    }

    /// Hands a session's signals to its socket from here on. Those after `after` that were told before are read first.
    pub(crate) fn attach(self: &Arc<Self>, session: SessionId, outbox: &Arc<Outbox>, after: Option<Seq>) -> Inbox {
        self.lock().insert(session, Arc::clone(outbox));
        Inbox::new(Arc::clone(self), session, Arc::clone(outbox), after)
    }

    /// The socket gets nothing more; another one of the same session does.
    pub(super) fn detach(&self, session: SessionId, outbox: &Arc<Outbox>) {
        let mut attached = self.lock();
        if attached.get(&session).is_some_and(|current| Arc::ptr_eq(current, outbox)) {
            attached.remove(&session);
        }
    }

    /// Something was told, in the order in which it stands in the stream.
    pub(crate) fn heard(&self, told: &Told) {
        let BusSubject::Signal { session } = told.subject else { return };
        let outbox = self.lock().get(&session).cloned();
        if let (Some(outbox), Some(signal)) = (outbox, Signal::read(told)) {
            outbox.push(Item::Signal(Arc::new(signal)));
        }
    }

    /// Something may have been told that was not heard: everybody reads again.
    pub(crate) fn lost(&self) {
        for outbox in self.lock().values() {
            outbox.push(Item::SignalsMissed);
        }
    }

    /// The kept signals of a session after `after` that are still for it, and where the last one of all stands.
    pub(super) async fn kept(&self, session: SessionId, after: Seq) -> Result<(Vec<Arc<Signal>>, Seq), Failure> {
        let (mut signals, mut last) = (Vec::new(), after);
        let mut known = HashMap::new();
        loop {
            let page = self.bus.signals_after(session, last).await?;
            let Some(end) = page.last().map(|told| told.seq) else { return Ok((signals, last)) };
            for signal in page.iter().filter_map(Signal::read) {
                let call = (signal.room, signal.call_id);
                let is_in = match known.get(&call) {
                    Some(is_in) => *is_in,
                    None => *known.entry(call).or_insert(self.is_exactly_in(session, call).await?),
                };
                if is_in {
                    signals.push(Arc::new(signal));
                }
            }
            last = end;
        }
    }

    /// Whether a session is in a call, as far as this node has followed the log.
    pub(super) fn is_in(&self, session: SessionId, signal: &Signal) -> bool {
        let look = |folded: &Folded| is_in(folded, session, signal.call_id);
        self.hub.as_followed(signal.room, look).unwrap_or_default()
    }

    async fn is_exactly_in(&self, session: SessionId, (room, call): (RoomId, CallId)) -> Result<bool, Failure> {
        self.hub.exactly(room, |folded| Ok(is_in(folded, session, call))).await
    }

    fn envelope(&self, from: Device, room: RoomId, call_id: CallId, to: SessionId, data: Value) -> Envelope {
        let Device { session, user_id } = from;
        Envelope {
            id: EventId::mint(&*self.clock),
            subject: Subject::Room(room),
            time: self.clock.now(),
            actor: user_id,
            correlation: CorrelationId::mint(&*self.clock),
            causation: None,
            event: ambient::Event::SignalSent { call_id, user_id, from: session, to, data }.into(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Outbox>>> {
        self.attached.lock().expect("the register's lock is held for one look")
    }
}

impl Signal {
    fn read(told: &Told) -> Option<Self> {
        let BusSubject::Signal { session: to } = told.subject else { return None };
        let Some((room, ambient::Event::SignalSent { call_id, user_id, from, data, .. })) = decode(&told.payload)
        else {
            tracing::warn!(stream.seq = %told.seq, "something among the signals is none");
            return None;
        };
        let (from, bytes) = (Device { session: from, user_id }, told.payload.len());
        Some(Self { seq: told.seq, room, call_id, from, to, data, bytes })
    }
}

impl From<&Signal> for ServerFrame {
    fn from(signal: &Signal) -> Self {
        let Signal { seq, room, call_id, from, data, .. } = signal;
        Self::Signal { seq: *seq, room: *room, call_id: *call_id, from: *from, data: data.clone() }
    }
}

fn decode(payload: &Bytes) -> Option<(RoomId, ambient::Event)> {
    match Envelope::decode(payload).ok()? {
        Envelope { subject: Subject::Room(room), event: Event::Ambient(event), .. } => Some((room, event)),
        _ => None,
    }
}

/// The call of a room, if the sender's device and the other one are both in it.
fn call_of_both(folded: &Folded, from: Device, to: SessionId) -> Option<CallId> {
    let is_senders = folded.call.participant(from.session).is_some_and(|sender| sender.user_id == from.user_id);
    let call = folded.call.ongoing().filter(|_| is_senders)?;
    folded.call.participant(to).map(|_| call.call_id)
}

fn is_in(folded: &Folded, session: SessionId, call: CallId) -> bool {
    folded.call.ongoing().is_some_and(|ongoing| ongoing.call_id == call) && folded.call.participant(session).is_some()
}

fn not_in_one_call() -> Failure {
    Failure::new(Code::Forbidden, "only devices that are in the room's call signal to each other")
}
