//! What the read models should hold, by the shortest fold of the log that one can write: no batches, no SQL.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use voxlog_core::{
    envelope::Envelope,
    event::{Event, Subject},
    id::UserId,
    message::Event as MessageEvent,
    room::{Event as RoomEvent, Role},
    user::Event as UserEvent,
};
use voxlog_projections::ReadModel;

use super::world::World;

/// The parts of the read models that events fight over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fold {
    /// Username, what people call them, and whether they have no account.
    users: BTreeMap<Uuid, (String, Option<String>, bool)>,
    /// Name and code.
    rooms: BTreeMap<Uuid, (String, String)>,
    members: BTreeMap<(Uuid, Uuid), String>,
    bans: BTreeSet<(Uuid, Uuid)>,
    mutes: BTreeSet<(Uuid, Uuid)>,
    requests: BTreeMap<(Uuid, Uuid), String>,
    /// How many may use it and how many have.
    invites: BTreeMap<(Uuid, String), (Option<i64>, i64)>,
    /// Content, and whether it is deleted.
    messages: BTreeMap<(Uuid, Uuid), (String, bool)>,
    mentions: BTreeMap<(Uuid, Uuid), Vec<Uuid>>,
    markers: BTreeMap<(Uuid, Uuid), i64>,
    reactions: BTreeSet<(Uuid, Uuid, String, Uuid)>,
    pins: BTreeSet<(Uuid, Uuid)>,
    erased: BTreeSet<Uuid>,
}

/// Fails unless the tables say what the log says.
pub(super) async fn assert_read_models_are_the_log(world: &World) {
    let events = world.events().await;
    let erased = |envelope: &Envelope| match envelope.event {
        Event::User(UserEvent::Erased { user_id }) => Some(user_id.as_uuid()),
        _ => None,
    };
    let erased = events.iter().filter_map(|(_, envelope)| erased(envelope)).collect();
    let mut expected = Fold { erased, ..Fold::default() };
    for (_, envelope) in events {
        // Wherever it stands: what the erased wrote was never there.
        if expected.erased.contains(&envelope.actor.as_uuid()) && leaves_with_its_actor(&envelope.event) {
            continue;
        }
        match (envelope.subject, envelope.event) {
            (Subject::Room(room), Event::Room(event)) => expected.room(room.as_uuid(), event),
            (Subject::Room(room), Event::Message(event)) => expected.message(room.as_uuid(), event),
            (Subject::User(user), Event::User(event)) => expected.user(user.as_uuid(), event),
            (subject, event) => unreachable!("{event:?} about {subject:?}"),
        }
    }
    assert_eq!(Fold::of(&world.db).await, expected);
}

impl Fold {
    fn user(&mut self, user: Uuid, event: UserEvent) {
        match event {
            UserEvent::Registered { username, display_name, guest, .. } => {
                self.users.insert(user, (username, display_name, guest));
            }
            UserEvent::Updated { username, display_name, .. } => {
                self.users.entry(user).and_modify(|it| (it.0, it.1) = (username, display_name));
            }
            UserEvent::ReadMarked { room_id, seq, .. } => {
                let marker = self.markers.entry((user, room_id.as_uuid())).or_default();
                *marker = (*marker).max(i64::try_from(seq.0).unwrap());
            }
            UserEvent::Erased { .. } | UserEvent::SessionStarted { .. } | UserEvent::SessionRevoked { .. } => {}
        }
    }

    fn room(&mut self, room: Uuid, event: RoomEvent) {
        match event {
            RoomEvent::Created { name, code, owner_id, .. } => {
                self.rooms.insert(room, (name, code));
                self.members.insert((room, owner_id.as_uuid()), "owner".into());
            }
            RoomEvent::Updated(changes) => {
                self.rooms.entry(room).and_modify(|it| it.0 = changes.name.unwrap());
            }
            RoomEvent::CodeRotated { code } => drop(self.rooms.entry(room).and_modify(|it| it.1 = code)),
            RoomEvent::InviteCreated { invite_id, max_uses, .. } => {
                self.invites.insert((room, invite_id.to_string()), (max_uses.map(i64::from), 0));
            }
            RoomEvent::InviteRevoked { invite_id } => drop(self.invites.remove(&(room, invite_id.to_string()))),
            RoomEvent::InviteUsed { invite_id, user_id, role } => {
                self.invites.entry((room, invite_id.to_string())).and_modify(|it| it.1 += 1);
                self.invites.retain(|_, (max, uses)| max.is_none_or(|max| *uses < max));
                self.seat(room, user_id.as_uuid(), role);
            }
            RoomEvent::Requested { user_id, role } => {
                self.requests.insert((room, user_id.as_uuid()), name_of(role));
                self.bans.remove(&(room, user_id.as_uuid()));
            }
            RoomEvent::Denied { user_id } => drop(self.requests.remove(&(room, user_id.as_uuid()))),
            RoomEvent::Joined { user_id, role } | RoomEvent::Approved { user_id, role } => {
                self.seat(room, user_id.as_uuid(), role);
            }
            RoomEvent::Left { user_id } => {
                self.members.remove(&(room, user_id.as_uuid()));
                self.requests.remove(&(room, user_id.as_uuid()));
            }
            RoomEvent::Kicked { user_id, .. } => drop(self.members.remove(&(room, user_id.as_uuid()))),
            RoomEvent::Banned { user_id, .. } => {
                self.members.remove(&(room, user_id.as_uuid()));
                self.requests.remove(&(room, user_id.as_uuid()));
                self.bans.insert((room, user_id.as_uuid()));
            }
            RoomEvent::Unbanned { user_id } => drop(self.bans.remove(&(room, user_id.as_uuid()))),
            RoomEvent::Muted { user_id, .. } => drop(self.mutes.insert((room, user_id.as_uuid()))),
            RoomEvent::Unmuted { user_id } => drop(self.mutes.remove(&(room, user_id.as_uuid()))),
            RoomEvent::RoleChanged { user_id, role: to, .. } => {
                self.members.entry((room, user_id.as_uuid())).and_modify(|it| *it = name_of(to));
            }
            RoomEvent::Archived {} => unreachable!("the history ends no room"),
        }
    }

    fn seat(&mut self, room: Uuid, user: Uuid, role: Role) {
        self.members.insert((room, user), name_of(role));
        self.bans.remove(&(room, user));
        self.requests.remove(&(room, user));
    }

    fn message(&mut self, room: Uuid, event: MessageEvent) {
        let key = (room, event.message_id().as_uuid());
        let stands = self.messages.get(&key).is_some_and(|(_, deleted)| !deleted);
        match event {
            MessageEvent::Posted { content, mentions, .. } => self.say(key, content, &mentions),
            MessageEvent::Edited { content, mentions, .. } if stands => self.say(key, content, &mentions),
            MessageEvent::Deleted { .. } if self.messages.contains_key(&key) => {
                self.messages.insert(key, (String::new(), true));
                self.mentions.remove(&key);
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
            MessageEvent::Edited { .. }
            | MessageEvent::Deleted { .. }
            | MessageEvent::ReactionAdded { .. }
            | MessageEvent::Pinned { .. } => {}
        }
    }

    fn say(&mut self, key: (Uuid, Uuid), content: String, mentions: &[UserId]) {
        self.messages.insert(key, (content, false));
        self.mentions.remove(&key);
        if !mentions.is_empty() {
            self.mentions.insert(key, mentions.iter().map(|user| user.as_uuid()).collect());
        }
    }

    async fn of(db: &ReadModel) -> Self {
        Self {
            users: all(db, "SELECT id, username, display_name, guest FROM users")
                .await
                .map(|(id, name, display, guest)| (id, (name, display, guest)))
                .collect(),
            rooms: all(db, "SELECT id, name, code FROM rooms").await.map(|(id, name, code)| (id, (name, code))).collect(),
            requests: all(db, "SELECT room_id, user_id, role FROM requests")
                .await
                .map(|(r, u, it)| ((r, u), it))
                .collect(),
            invites: all(db, "SELECT room_id, id, max_uses, uses FROM invites")
                .await
                .map(|(r, code, max, uses)| ((r, code), (max, uses)))
                .collect(),
            mentions: all(
                db,
                "SELECT room_id, message_id, array_agg(user_id ORDER BY place) FROM mentions GROUP BY room_id, message_id",
            )
            .await
            .map(|(room, id, users)| ((room, id), users))
            .collect(),
            markers: all(db, "SELECT user_id, room_id, seq FROM markers").await.map(|(u, r, seq)| ((u, r), seq)).collect(),
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
            erased: all(db, "SELECT id FROM erased_users").await.map(|(id,)| id).collect(),
        }
    }
}

/// What somebody wrote, is called, thinks of others' messages, and has read.
fn leaves_with_its_actor(event: &Event) -> bool {
    use MessageEvent as M;
    match event {
        Event::Message(event) => matches!(event, M::Posted { .. } | M::Edited { .. } | M::ReactionAdded { .. }),
        Event::User(event) => !matches!(event, UserEvent::Erased { .. }),
        _ => false,
    }
}

fn name_of(role: Role) -> String {
    match role {
        Role::Guest => "guest",
        Role::Member => "member",
        Role::Admin => "admin",
        Role::Owner => "owner",
    }
    .to_owned()
}

async fn all<T>(db: &ReadModel, select: &'static str) -> impl Iterator<Item = T>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    sqlx::query_as(select).fetch_all(db.pool()).await.unwrap().into_iter()
}
