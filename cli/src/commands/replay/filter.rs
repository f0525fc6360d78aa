//! Which events are replayed.

use voxlog_core::{
    envelope::Header,
    event::TypeFilter,
    id::RoomId,
    log::{Stored, Subject},
    position::Chain,
};

#[derive(Debug)]
pub(super) struct Filter {
    room: Option<RoomId>,
    types: Vec<TypeFilter>,
}

impl Filter {
    pub(super) fn new(room: Option<RoomId>, types: &[TypeFilter]) -> Self {
        Self { room, types: types.to_vec() }
    }

    /// Markers are no events. An event whose type can't be read passes no filter of types.
    pub(super) fn takes(&self, stored: &Stored) -> bool {
        let Subject::Chain(chain) = stored.subject else { return false };
        if let Some(wanted) = self.room
            && !matches!(chain, Chain::Room(room, _) if room == wanted)
        {
            return false;
        }
        self.types.is_empty() || self.takes_type(stored)
    }

    fn takes_type(&self, stored: &Stored) -> bool {
        Header::read(&stored.payload).is_ok_and(|header| self.types.iter().any(|wanted| wanted.takes(&header.kind)))
    }
}
