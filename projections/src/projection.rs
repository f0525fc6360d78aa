//! What a read model is, and how a batch of events is laid out for all of them.

use async_trait::async_trait;
use sqlx::PgConnection;
use voxlog_core::{
    clock::Time,
    envelope::Envelope,
    event::{Event, Subject},
    id::{RoomId, UserId},
    message,
    position::{Partition, Seq},
    user,
};

use crate::{
    calls::Calls, erasure::Erasures, invites::Invites, markers::Markers, members::Members, mentions::Mentions,
    messages::Messages, pins::Pins, reactions::Reactions, requests::Requests, rooms::Rooms, users::Users,
};

/// An event at its place in the log, on its way into the read models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Which stream.
    pub partition: Partition,
    /// Where in it.
    pub seq: Seq,
    /// What happened.
    pub envelope: Envelope,
}

/// A read model: some tables, and how events change them.
///
/// What it writes is a function of the events of one owner (a room or a user) in their order, and of nothing else: no
/// clock, no other owner's rows. Only so does a rebuild come to the same. The one exception is [`Erasures`].
#[async_trait]
pub trait Projection: Send + Sync {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// Its tables.
    fn tables(&self) -> &'static [&'static str];

    /// Applies events of one step of the same kind, each owner's in their order, as [`layers`] lays them out. Events
    /// that do not concern it change nothing.
    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error>;
}

/// Every read model, in the order in which they apply an event: what belongs to a message after the messages.
pub const ALL: [&dyn Projection; 12] = [
    &Erasures, &Users, &Rooms, &Members, &Requests, &Invites, &Messages, &Mentions, &Reactions, &Pins, &Markers, &Calls,
];

/// Events of one kind can be applied together, in one statement per read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Registered,
    Profile,
    Erased,
    Session,
    Marked,
    /// Alone in its layer: a room's events build on each other.
    Room,
    Call,
    Posted,
    Edited,
    Deleted,
    Pinned,
    Unpinned,
    Reacted,
    Unreacted,
}

impl Applied {
    /// The room that it is about, if it is about one.
    pub(crate) fn room(&self) -> Option<RoomId> {
        match self.envelope.subject {
            Subject::Room(room) => Some(room),
            Subject::User(_) => None,
        }
    }

    pub(crate) fn time(&self) -> Time {
        self.envelope.time
    }

    pub(crate) fn actor(&self) -> UserId {
        self.envelope.actor
    }

    fn kind(&self) -> Kind {
        match &self.envelope.event {
            Event::User(user::Event::Registered { .. }) => Kind::Registered,
            Event::User(user::Event::Updated { .. }) => Kind::Profile,
            Event::User(user::Event::Erased { .. }) => Kind::Erased,
            Event::User(user::Event::SessionStarted { .. } | user::Event::SessionRevoked { .. }) => Kind::Session,
            Event::User(user::Event::ReadMarked { .. }) => Kind::Marked,
            Event::Room(_) => Kind::Room,
            // What is told beside the log stands on no chain, so none of it comes here.
            Event::Call(_) | Event::Ambient(_) => Kind::Call,
            Event::Message(message::Event::Posted { .. }) => Kind::Posted,
            Event::Message(message::Event::Edited { .. }) => Kind::Edited,
            Event::Message(message::Event::Deleted { .. }) => Kind::Deleted,
            Event::Message(message::Event::Pinned { .. }) => Kind::Pinned,
            Event::Message(message::Event::Unpinned { .. }) => Kind::Unpinned,
            Event::Message(message::Event::ReactionAdded { .. }) => Kind::Reacted,
            Event::Message(message::Event::ReactionRemoved { .. }) => Kind::Unreacted,
        }
    }
}

/// Applies events to every read model, in as few statements as their order allows.
pub(crate) async fn apply(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    for layer in layers(events) {
        for projection in ALL {
            projection.apply(tx, &layer).await?;
        }
    }
    Ok(())
}

/// Lays events out so that each layer is of one kind and no owner's events change their order. Owners are independent of
/// each other, so the events of several may pass each other: posts of a hundred rooms with a reaction in between still
/// make one layer of posts.
fn layers<'a>(events: &[&'a Applied]) -> Vec<Vec<&'a Applied>> {
    let mut layers: Vec<(Kind, Vec<&Applied>)> = Vec::new();
    let mut reached = std::collections::HashMap::new();
    for &event in events {
        let kind = event.kind();
        let from = reached.entry(owner(event)).or_insert(0);
        let fits = |(other, _): &(Kind, _)| *other == kind && kind != Kind::Room;
        let found = layers.iter().skip(*from).position(fits).map(|offset| *from + offset);
        *from = found.unwrap_or(layers.len());
        match found {
            Some(index) => layers[index].1.push(event),
            None => layers.push((kind, vec![event])),
        }
    }
    layers.into_iter().map(|(_, layer)| layer).collect()
}

fn owner(event: &Applied) -> uuid::Uuid {
    match event.envelope.subject {
        Subject::Room(room) => room.as_uuid(),
        Subject::User(user) => user.as_uuid(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;
    use voxlog_core::id::{CorrelationId, EventId, MessageId};

    use super::*;

    fn event(seq: u64, room: u128, kind: u8) -> Applied {
        let (message_id, user_id) = (MessageId::from_uuid(Uuid::from_u128(1)), UserId::from_uuid(Uuid::nil()));
        let event = match kind {
            0 => voxlog_core::room::Event::Archived {}.into(),
            1 => message::Event::Edited { message_id, content: String::new(), mentions: vec![] }.into(),
            2 => message::Event::Pinned { message_id }.into(),
            _ => message::Event::ReactionAdded { message_id, user_id, emoji: "👍".into() }.into(),
        };
        let subject = Subject::Room(RoomId::from_uuid(Uuid::from_u128(room)));
        let (id, correlation) = (EventId::from_uuid(Uuid::nil()), CorrelationId::from_uuid(Uuid::nil()));
        let envelope =
            Envelope { id, subject, time: Time::default(), actor: user_id, correlation, causation: None, event };
        Applied { partition: Partition(0), seq: Seq(seq), envelope }
    }

    #[test]
    fn events_of_a_kind_share_a_layer_unless_their_room_is_beyond_it() {
        let sizes = |asked: [(u128, u8); 4]| -> Vec<_> {
            let events = asked.map(|(room, kind)| event(0, room, kind));
            layers(&events.iter().collect::<Vec<_>>()).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes([(1, 1), (2, 2), (3, 1), (4, 1)]), [3, 1]);
        assert_eq!(sizes([(1, 1), (2, 2), (3, 1), (2, 1)]), [2, 1, 1]);
    }

    proptest! {
        #[test]
        fn layers_keep_every_event_once_and_each_owners_order(asked in prop::collection::vec((0u128..3, 0u8..4), 0..60)) {
            let events: Vec<_> =
                asked.iter().zip(1..).map(|(&(room, kind), seq)| event(seq, room, kind)).collect();
            let layers = layers(&events.iter().collect::<Vec<_>>());
            prop_assert!(layers.iter().all(|layer| layer.iter().all(|it| it.kind() == layer[0].kind())));
            let flat: Vec<_> = layers.concat();
            prop_assert_eq!(flat.len(), events.len());
            for room in 0..3 {
                let of = |it: &&Applied| owner(it) == Uuid::from_u128(room);
                let seqs: Vec<_> = flat.iter().copied().filter(of).map(|it| it.seq).collect();
                prop_assert!(seqs.is_sorted());
            }
        }
    }
}
