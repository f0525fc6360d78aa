//! Which events an operator wants to see.

use voxlog_core::{
    clock::Time,
    envelope::Header,
    event::TypeFilter,
    id::{RoomId, UserId},
    log::{
        Subject,
        inspect::{Raw, Within},
    },
    position::{Partition, Partitions},
};

/// All of it must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In this room.
    pub room: Option<RoomId>,
    /// Of this type.
    pub kind: Option<TypeFilter>,
    /// What this user asked for.
    pub actor: Option<UserId>,
    /// Not taken by the log before.
    pub from: Option<Time>,
    /// Not taken by the log after.
    pub to: Option<Time>,
}

impl Filter {
    /// Where such events may stand.
    pub(super) fn places(&self, partitions: Partitions) -> Vec<(Partition, Within)> {
        match self.room {
            Some(room) => vec![(partitions.of(room.as_uuid()), Within::Room(room))],
            None => partitions.all().map(|partition| (partition, Within::Partition(partition))).collect(),
        }
    }

    /// Markers are no events. What can't be read passes where neither type nor actor matters.
    pub(super) fn takes(&self, raw: &Raw) -> bool {
        let in_time = self.from.is_none_or(|from| raw.time >= from) && self.to.is_none_or(|to| raw.time <= to);
        raw.what != Some(Subject::Fence) && in_time && self.takes_header(raw)
    }

    fn takes_header(&self, raw: &Raw) -> bool {
        if self.kind.is_none() && self.actor.is_none() {
            return true;
        }
        Header::read(&raw.payload).is_ok_and(|header| {
            self.kind.as_ref().is_none_or(|kind| kind.takes(&header.kind))
                && self.actor.is_none_or(|actor| actor == header.actor)
        })
    }
}
