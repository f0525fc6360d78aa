//! What the read models should hold, by the shortest fold of the log that one can write: no batches, no SQL.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use voxlog_core::{
    event::{Event, Subject},
    message::Event as MessageEvent,
    room::{Event as RoomEvent, Role},
};
use voxlog_projections::ReadModel;

use super::world::World;

/// The parts of the read models that events fight over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fold {
    names: BTreeMap<Uuid, String>,
    members: BTreeMap<(Uuid, Uuid), String>,
    bans: BTreeSet<(Uuid, Uuid)>,
    mutes: BTreeSet<(Uuid, Uuid)>,
    /// Content, and whether it is deleted.
    messages: BTreeMap<(Uuid, Uuid), (String, bool)>,
    reactions: BTreeSet<(Uuid, Uuid, String, Uuid)>,
    pins: BTreeSet<(Uuid, Uuid)>,
}

/// Fails unless the tables say what the log says.
pub(super) async fn assert_read_models_are_the_log(world: &World) {
    let mut expected = Fold::default();
    for (_, envelope) in world.events().await {
        match (envelope.subject, envelope.event) {
            (Subject::Room(room), Event::Room(event)) => expected.room(room.as_uuid(), event),
            (Subject::Room(room), Event::Message(event)) => expected.message(room.as_uuid(), event),
            _ => {}
        }
    }
    assert_eq!(Fold::of(&world.db).await, expected);
}

impl Fold {
    fn room(&mut self, room: Uuid, event: RoomEvent) {
        let role = |role| if role == Role::Admin { "admin" } else { "member" }.to_owned();
        match event {
            RoomEvent::Created { name, owner_id, .. } => {
                self.names.insert(room, name);
                self.members.insert((room, owner_id.as_uuid()), "owner".into());
            }
            RoomEvent::Updated(changes) => {
                self.names.insert(room, changes.name.unwrap());
            }
            RoomEvent::Joined { user_id, role: as_what } => {
                self.members.insert((room, user_id.as_uuid()), role(as_what));
                self.bans.remove(&(room, user_id.as_uuid()));
            }
            RoomEvent::Left { user_id } | RoomEvent::Kicked { user_id, .. } => {
                self.members.remove(&(room, user_id.as_uuid()));
            }
            RoomEvent::Banned { user_id, .. } => {
                self.members.remove(&(room, user_id.as_uuid()));
                self.bans.insert((room, user_id.as_uuid()));
            }
            RoomEvent::Unbanned { user_id } => drop(self.bans.remove(&(room, user_id.as_uuid()))),
            RoomEvent::Muted { user_id, .. } => drop(self.mutes.insert((room, user_id.as_uuid()))),
            RoomEvent::Unmuted { user_id } => drop(self.mutes.remove(&(room, user_id.as_uuid()))),
            RoomEvent::RoleChanged { user_id, role: to, .. } => {
                self.members.entry((room, user_id.as_uuid())).and_modify(|it| *it = role(to));
            }
            event => unreachable!("the history has no {event:?}"),
        }
    }

    fn message(&mut self, room: Uuid, event: MessageEvent) {
        let key = (room, event.message_id().as_uuid());
        let stands = self.messages.get(&key).is_some_and(|(_, deleted)| !deleted);
        match event {
            MessageEvent::Posted { content, .. } => drop(self.messages.insert(key, (content, false))),
            MessageEvent::Edited { content, .. } if stands => drop(self.messages.insert(key, (content, false))),
            MessageEvent::Deleted { .. } => {
                self.messages.insert(key, (String::new(), true));
                self.reactions.retain(|it| (it.0, it.1) != key);
                self.pins.remove(&key);
            }
            MessageEvent::ReactionAdded { user_id, emoji, .. } if stands => {
                self.reactions.insert((key.0, key.1, emoji, user_id.as_uuid()));
            }
            MessageEvent::ReactionRemoved { user_id, emoji, .. } => {
                self.reactions.remove(&(key.0, key.1, emoji, user_id.as_uuid()));
            }
            MessageEvent::Pinned { .. } if stands => drop(self.pins.insert(key)),
            MessageEvent::Unpinned { .. } => drop(self.pins.remove(&key)),
            MessageEvent::Edited { .. } | MessageEvent::ReactionAdded { .. } | MessageEvent::Pinned { .. } => {}
        }
    }

    async fn of(db: &ReadModel) -> Self {
        Self {
            names: all(db, "SELECT id, name FROM rooms").await.collect(),
            members: all(db, "SELECT room_id, user_id, role FROM members")
                .await
                .map(|(r, u, it)| ((r, u), it))
                .collect(),
            bans: all(db, "SELECT room_id, user_id FROM bans").await.collect(),
            mutes: all(db, "SELECT room_id, user_id FROM mutes").await.collect(),
            messages: all(db, "SELECT room_id, id, content, deleted_at IS NOT NULL FROM messages")
                .await
                .map(|(room, id, content, deleted)| ((room, id), (content, deleted)))
                .collect(),
            reactions: all(db, "SELECT room_id, message_id, emoji, user_id FROM reactions").await.collect(),
            pins: all(db, "SELECT room_id, message_id FROM pins").await.collect(),
        }
    }
}

async fn all<T>(db: &ReadModel, select: &'static str) -> impl Iterator<Item = T>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    sqlx::query_as(select).fetch_all(db.pool()).await.unwrap().into_iter()
}
