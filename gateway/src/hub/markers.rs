//! How far somebody has read a room: a fact of their own chain.
//!
//! Markers only ever go up, and the largest counts, so they need no fence and may be told twice. What this node knows to
//! be told already is not told again: a client may send a marker with every message that it shows.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use voxlog_core::{
    clock::Time,
    envelope::Envelope,
    event::Subject,
    id::{CorrelationId, EventId, RoomId, UserId},
    log::{AppendError, Record},
    position::{Chain, Cursor, Position, Seq},
    user,
};

use super::{
    Done, Hub,
    catch_up::check_may_read,
    execute::{ATTEMPTS, FREE_ATTEMPTS, closed},
};
use crate::error::Failure;

/// Markers that a node remembers; when there are more it forgets them all, and the next ones are told again.
const MAX_KNOWN: usize = 100_000;

/// The last markers that went to the log from here.
#[derive(Debug, Default)]
pub(super) struct Markers(Mutex<HashMap<(UserId, RoomId), Marker>>);

/// A marker in the log.
#[derive(Debug, Clone, Copy)]
struct Marker {
    /// Up to where the room has been read.
    read: Seq,
    /// Where that stands in the user's partition.
    at: Seq,
}

impl Markers {
    fn known(&self, user: UserId, room: RoomId) -> Option<Marker> {
        self.lock().get(&(user, room)).copied()
    }

    fn note(&self, user: UserId, room: RoomId, marker: Marker) {
        let mut known = self.lock();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        let last = known.entry((user, room)).or_insert(marker);
        if marker.read > last.read {
            *last = marker;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(UserId, RoomId), Marker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Marks a room as read up to a seq, at most that of its last message. Never goes back: an earlier seq is already
    /// true. The position is in the partition of the user.
    pub async fn mark_read(self: &Arc<Self>, user: UserId, room: RoomId, seq: Seq) -> Result<Done, Failure> {
        self.check_has_come_to(user, room, seq).await?;
        let time = self.clock.now();
        let at = match self.markers.known(user, room) {
            Some(marker) if marker.read >= seq => marker.at,
            Some(_) | None if seq == Seq::ZERO => Seq::ZERO,
            Some(_) | None => {
                let at = self.append_marker(user, room, seq, time).await?;
                self.markers.note(user, room, Marker { read: seq, at });
                at
            }
        };
        let position = Position { partition: self.lane_of(user.as_uuid()).partition, seq: at };
        Ok(Done { room, position, time, duplicate: false, requested: false })
    }

    async fn check_has_come_to(self: &Arc<Self>, user: UserId, room: RoomId, seq: Seq) -> Result<(), Failure> {
        self.open(room).await?;
        let check = || {
            let mut rooms = self.lane(room).lock();
            let open = rooms.open(room).ok_or_else(closed)?;
            check_may_read(open.state(), user, self.clock.now())?;
            Ok::<_, Failure>(seq <= open.heads.msg)
        };
        // Rights come first: who may not read learns nothing, not even how far the room is.
        if check()? || (self.reach_cursor(room, Cursor { msg: Some(seq), ..Cursor::default() }).await? && check()?) {
            return Ok(());
        }
        Err(Failure::invalid("seq", "is beyond the room's last message"))
    }

    /// The fence stands for nothing here, but every append names it.
    async fn append_marker(&self, user: UserId, room: RoomId, seq: Seq, time: Time) -> Result<Seq, Failure> {
        let id = EventId::mint(&*self.clock);
        let envelope = Envelope {
            id,
            subject: Subject::User(user),
            time,
            actor: user,
            correlation: CorrelationId::mint(&*self.clock),
            causation: None,
            event: user::Event::ReadMarked { user_id: user, room_id: room, seq }.into(),
        };
        let record = Record { id, chain: Chain::User(user), payload: envelope.encode(), ttl: None };
        let lane = self.lane_of(user.as_uuid());
        let mut calm = None;
        for attempt in 0..ATTEMPTS {
            if attempt >= FREE_ATTEMPTS && calm.is_none() {
                calm = Some(lane.calm().await?);
            }
            let fence = lane.lock().fence;
            match self.log.append(record.clone(), fence).await {
                Ok(appended) => return Ok(appended.seq),
                Err(AppendError::Conflict { seen, .. }) => lane.reach(seen).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::contended())
    }
}
