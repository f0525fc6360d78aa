//! A session that this node vouches for: how it is to be seen, and what its record says of it.
//!
//! What is so and what was told are kept apart. Whatever changes is changed here first; then the record is brought to
//! say it, guarded by the record that it replaces. So only changes are told, and a record that says something else (a
//! reaper's that took this node for dead) is put right by the same rule.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use voxlog_core::{
    ambient,
    id::{NodeId, RoomId, SessionId, UserId},
    position::Seq,
    presence::Status,
};

use super::Record;

/// A session of this node.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    node: NodeId,
    now: Mutex<Now>,
    /// One record is told at a time.
    pub(super) telling: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Now {
    epoch: u32,
    status: Status,
    call: Option<InCall>,
    /// The last record of the session, whoever told it.
    last: Option<(Seq, Said)>,
    /// The socket that has it. The last one, when none has it now.
    socket: CancellationToken,
    /// How many sockets have had it here.
    sockets: u64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InCall {
    room: RoomId,
    /// Its chain has shown it there. Before that a join may be under way.
    confirmed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A socket has it, or had it a moment ago.
    Here,
    /// Nobody came back for it.
    Gone,
    /// It goes on elsewhere: nothing more is told of it here.
    Elsewhere,
}

/// What a record says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    node: NodeId,
    epoch: u32,
    status: Status,
    call: Option<RoomId>,
}

/// A socket's hold of a session.
#[derive(Debug)]
pub(super) struct Hold {
    /// Which of the sockets that have had it here.
    pub(super) number: u64,
    /// Cancelled when another socket takes it over.
    pub(super) displaced: CancellationToken,
}

impl From<Record> for Said {
    fn from(Record { node, epoch, status, call, .. }: Record) -> Self {
        Self { node, epoch, status, call }
    }
}

impl Said {
    pub(super) fn is_offline(self) -> bool {
        self.status == Status::Offline
    }
}

impl Own {
    /// A session that begins.
    pub(super) fn new(user: UserId, session: SessionId, node: NodeId, status: Status) -> Self {
        Self::with(user, session, node, Now { epoch: 0, status, call: None, last: None, ..Now::default() })
    }

    /// A session that goes on here after this record.
    pub(super) fn after(record: Record, node: NodeId, status: Option<Status>) -> Self {
        let was = if record.status == Status::Offline { Status::Online } else { record.status };
        let last = Some((record.seq, record.into()));
        let (epoch, status) = (record.epoch + 1, status.unwrap_or(was));
        let call = record.call.filter(|_| record.status != Status::Offline).map(claimed);
        Self::with(record.user, record.session, node, Now { epoch, status, call, last, ..Now::default() })
    }

    fn with(user: UserId, session: SessionId, node: NodeId, now: Now) -> Self {
        Self { user, session, node, now: Mutex::new(now), telling: tokio::sync::Mutex::default() }
    }

    /// A socket takes it; the one that had it loses it.
    pub(super) fn hold(&self) -> Hold {
        let mut now = self.lock();
        let former = std::mem::take(&mut now.socket);
        former.cancel();
        now.sockets += 1;
        Hold { number: now.sockets, displaced: now.socket.clone() }
    }

    /// It goes on with another socket of this node. False when it goes on elsewhere by now.
    pub(super) fn resume(&self, status: Option<Status>) -> bool {
        let mut now = self.lock();
        if now.stage == Stage::Elsewhere {
            return false;
        }
        (now.epoch, now.stage) = (now.epoch + 1, Stage::Here);
        now.status = status.unwrap_or(now.status);
        true
    }

    /// Whether this socket was the last to have it.
    pub(super) fn is_held_by(&self, number: u64) -> bool {
        self.lock().sockets == number
    }

    /// Nobody came back for it, unless another socket has it by now.
    pub(super) fn give_up(&self, number: u64) -> bool {
        let mut now = self.lock();
        let gone = now.sockets == number && now.stage == Stage::Here;
        if gone {
            (now.stage, now.call) = (Stage::Gone, None);
        }
        gone
    }

    pub(super) fn show_as(&self, status: Status) {
        self.lock().status = status;
    }

    pub(super) fn call(&self) -> Option<RoomId> {
        self.lock().call.map(|call| call.room)
    }

    /// Says that it is in a room's call. False when it is in another one's.
    pub(super) fn enter(&self, room: RoomId) -> bool {
        self.lock().call.get_or_insert(claimed(room)).room == room
    }

    /// Says that it is in that room's call no more.
    pub(super) fn leave(&self, room: RoomId) -> bool {
        self.lock().call.take_if(|call| call.room == room).is_some()
    }

    /// Whether it says that it is in that room's call, without having been seen there.
    pub(super) fn claims(&self, room: RoomId) -> bool {
        self.lock().call == Some(claimed(room))
    }

    /// The call's chain shows it there.
    pub(super) fn confirm(&self, room: RoomId) {
        let mut now = self.lock();
        let call = now.call.get_or_insert(claimed(room));
        call.confirmed |= call.room == room;
    }

    /// The call's chain shows it there no more.
    pub(super) fn lose(&self, room: RoomId) {
        self.lock().call.take_if(|call| *call == InCall { room, confirmed: true });
    }

    /// What is to be told and which record it replaces; `None` when the last one says it.
    pub(super) fn to_tell(&self) -> Option<(Said, Seq)> {
        let now = self.lock();
        let status = match now.stage {
            Stage::Elsewhere => return None,
            Stage::Gone => Status::Offline,
            Stage::Here => now.status,
        };
        let said = Said { node: self.node, epoch: now.epoch, status, call: now.call.map(|call| call.room) };
        match now.last {
            Some((_, last)) if last == said => None,
            // There is nothing to be said of who is gone and was never told of.
            None if said.is_offline() => None,
            last => Some((said, last.map_or(Seq::ZERO, |(seq, _)| seq))),
        }
    }

    /// A record of it stands there.
    pub(super) fn note(&self, seq: Seq, said: Said) {
        let mut now = self.lock();
        if now.last.is_some_and(|(last, _)| last >= seq) {
            return;
        }
        now.last = Some((seq, said));
        let elsewhere = said.epoch > now.epoch || (said.epoch == now.epoch && said.node != self.node);
        if elsewhere {
            now.stage = Stage::Elsewhere;
            now.socket.cancel();
        } else if said.epoch < now.epoch && !said.is_offline() {
            // Told by the gateway that had it before, after it was taken over.
            now.call = now.call.or(said.call.map(claimed));
        }
    }

    /// Where its last record stands.
    pub(super) fn stands_at(&self) -> Option<Seq> {
        self.lock().last.map(|(seq, _)| seq)
    }

    /// It has no record.
    pub(super) fn note_none(&self) {
        self.lock().last = None;
    }

    pub(super) fn is_elsewhere(&self) -> bool {
        self.lock().stage == Stage::Elsewhere
    }

    pub(super) fn is_here(&self) -> bool {
        self.lock().stage == Stage::Here
    }

    pub(super) fn event(&self, said: Said) -> ambient::Event {
        let Said { node, epoch, status, call } = said;
        ambient::Event::PresenceChanged { user_id: self.user, session: self.session, node, epoch, status, call }
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn claimed(room: RoomId) -> InCall {
    InCall { room, confirmed: false }
}

impl Default for Now {
    fn default() -> Self {
        let (socket, stage) = (CancellationToken::new(), Stage::Here);
        Self { epoch: 0, status: Status::Online, call: None, last: None, socket, sockets: 0, stage }
    }
}

#[cfg(test)]
mod tests {
    use voxlog_core::clock::SystemClock;

    use super::*;

    fn online() -> (Own, NodeId) {
        let node = NodeId::mint(&SystemClock);
        (Own::new(UserId::mint(&SystemClock), SessionId::mint(&SystemClock), node, Status::Online), node)
    }

    fn told(own: &Own, seq: u64) {
        let (said, _) = own.to_tell().expect("something is to be told");
        own.note(Seq(seq), said);
    }

    #[test]
    fn only_changes_are_told_each_in_place_of_the_last_record() {
        let (own, _) = online();
        assert_eq!(own.to_tell().expect("its first record").1, Seq::ZERO);
        told(&own, 3);
        assert!(own.to_tell().is_none());
        own.show_as(Status::Away);
        own.show_as(Status::Online);
        assert!(own.to_tell().is_none());
        own.show_as(Status::Dnd);
        assert_eq!(own.to_tell().expect("a change").1, Seq(3));
    }

    /// A reaper that took this node for dead is put right.
    #[test]
    fn a_record_that_says_offline_is_replaced_while_somebody_is_here() {
        let (own, node) = online();
        told(&own, 3);
        own.note(Seq(5), Said { node, epoch: 0, status: Status::Offline, call: None });
        assert_eq!(own.to_tell().expect("it is here").1, Seq(5));
    }

    #[test]
    fn a_session_that_was_resumed_elsewhere_is_told_of_no_more_and_loses_its_socket() {
        let (own, _) = online();
        told(&own, 3);
        let hold = own.hold();
        own.note(Seq(4), Said { node: NodeId::mint(&SystemClock), epoch: 1, status: Status::Online, call: None });
        own.show_as(Status::Away);
        assert!(own.to_tell().is_none() && hold.displaced.is_cancelled() && !own.resume(None));
    }

    #[test]
    fn who_comes_back_in_time_does_not_go() {
        let (own, _) = online();
        told(&own, 3);
        let first = own.hold();
        assert!(own.resume(None));
        let second = own.hold();
        assert!(first.displaced.is_cancelled() && !second.displaced.is_cancelled());
        assert!(!own.give_up(first.number));
        told(&own, 4);
        assert!(own.give_up(second.number));
        assert!(own.to_tell().expect("it is gone").0.is_offline());
    }

    /// A kick takes who was seen in the call out of it, never who is about to join again.
    #[test]
    fn only_who_was_seen_in_a_call_can_be_lost_from_it() {
        let ((own, _), room) = (online(), RoomId::mint(&SystemClock));
        assert!(own.enter(room));
        own.lose(room);
        assert_eq!(own.call(), Some(room));
        own.confirm(room);
        own.lose(room);
        assert_eq!(own.call(), None);
    }

    #[test]
    fn a_session_is_in_one_call_at_a_time() {
        let (own, _) = online();
        let (first, second) = (RoomId::mint(&SystemClock), RoomId::mint(&SystemClock));
        assert!(own.enter(first) && own.enter(first) && !own.enter(second));
        assert!(!own.leave(second) && own.leave(first) && own.enter(second));
    }
}
