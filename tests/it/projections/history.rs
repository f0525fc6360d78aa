//! A random history to put into a log.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use voxlog_core::{
    clock::{SystemClock, Time},
    event::{Event, Subject},
    id::{MessageId, RoomId, SessionId, UserId},
    message,
    position::Seq,
    room::{self, InviteId, Role},
    user,
};

use super::world::{World, mentioning, opened, posted, settings};

/// A random history of some rooms, the same for the same seed but for ids and times. Some of its events concern what is
/// gone already: the log of a real installation holds such ones too.
pub(super) struct History {
    rng: StdRng,
    rooms: Vec<RoomId>,
    users: Vec<UserId>,
    messages: Vec<(RoomId, MessageId, UserId)>,
    edits: u64,
}

impl History {
    /// Registers people and opens rooms.
    pub(super) async fn begin(world: &World, seed: u64) -> Self {
        let mint = |_| RoomId::mint(&SystemClock);
        let users: Vec<_> = (0..8).map(|_| UserId::mint(&SystemClock)).collect();
        let rooms: Vec<_> = (0..6).map(mint).collect();
        for (&user_id, index) in users.iter().zip(0..) {
            let event =
                user::Event::Registered { user_id, username: format!("user{index}"), display_name: None, guest: false };
            world.append(Subject::User(user_id), user_id, event).await;
        }
        for (&room, index) in rooms.iter().zip(0..) {
            let event = opened(&format!("Room {index}"), users[0], settings());
            world.append(Subject::Room(room), users[0], event).await;
        }
        Self { rng: StdRng::seed_from_u64(seed), rooms, users, messages: Vec::new(), edits: 0 }
    }

    /// Appends so many events more.
    pub(super) async fn go_on(&mut self, world: &World, events: usize) {
        for _ in 0..events {
            let (subject, actor, event) = self.next();
            world.append(subject, actor, event).await;
        }
    }

    fn next(&mut self) -> (Subject, UserId, Event) {
        let room = self.rooms[self.rng.random_range(0..self.rooms.len())];
        let user_id = self.users[self.rng.random_range(0..self.users.len())];
        let dice = self.rng.random_range(0..131);
        if dice < 40 || self.messages.is_empty() {
            return (Subject::Room(room), user_id, self.post(room, user_id).into());
        }
        if dice < 85 {
            let (room, id, author) = self.messages[self.rng.random_range(0..self.messages.len())];
            // Nobody edits what somebody else has written.
            let user_id = if (40..60).contains(&dice) { author } else { user_id };
            return (Subject::Room(room), user_id, self.about(id, user_id, dice).into());
        }
        if dice < 120 {
            return (Subject::Room(room), user_id, self.in_room(user_id, dice).into());
        }
        (Subject::User(user_id), user_id, self.of_user(user_id, room, dice).into())
    }

    fn post(&mut self, room: RoomId, author: UserId) -> message::Event {
        let message_id = MessageId::mint(&SystemClock);
        self.messages.push((room, message_id, author));
        let content = format!("said {}", self.messages.len());
        mentioning(posted(message_id, author, &content), self.some_users())
    }

    /// Mostly nobody.
    fn some_users(&mut self) -> Vec<UserId> {
        let count = self.rng.random_range(0..5usize).saturating_sub(2);
        let first = self.rng.random_range(0..self.users.len() - count);
        self.users[first..first + count].to_vec()
    }

    fn about(&mut self, message_id: MessageId, user_id: UserId, dice: u32) -> message::Event {
        let emoji = ["👍", "🎉"][self.rng.random_range(0..2)].to_owned();
        self.edits += 1;
        match dice {
            40..60 => {
                let (content, mentions) = (format!("edit {}", self.edits), self.some_users());
                message::Event::Edited { message_id, content, mentions }
            }
            60..63 => message::Event::Deleted { message_id },
            63..66 => message::Event::Pinned { message_id },
            66..68 => message::Event::Unpinned { message_id },
            68..80 => message::Event::ReactionAdded { message_id, user_id, emoji },
            _ => message::Event::ReactionRemoved { message_id, user_id, emoji },
        }
    }

    fn in_room(&mut self, user_id: UserId, dice: u32) -> room::Event {
        let until: Option<Time> = None;
        let reason = Some(format!("reason {dice}"));
        match dice {
            85..90 => room::Event::Joined { user_id, role: Role::Member },
            90..92 => room::Event::Left { user_id },
            92 => room::Event::Kicked { user_id, reason },
            93 => room::Event::Banned { user_id, until, reason },
            94 => room::Event::Unbanned { user_id },
            95 => room::Event::Muted { user_id, until, reason },
            96 => room::Event::Unmuted { user_id },
            97 => room::Event::RoleChanged { user_id, role: Role::Admin, former_owner_id: None },
            98 => room::Event::CodeRotated { code: format!("CODE{}", self.edits) },
            99..103 => room::Event::Requested { user_id, role: Role::Guest },
            103..105 => room::Event::Approved { user_id, role: Role::Member },
            105 => room::Event::Denied { user_id },
            106..110 => self.about_invite(user_id, dice),
            110..114 => self.about_invite(user_id, 110),
            _ => {
                room::Event::Updated(room::Changes { name: Some(format!("name {}", self.edits)), ..Default::default() })
            }
        }
    }

    /// Few codes, so that some are used up, revoked, and made again.
    fn about_invite(&mut self, user_id: UserId, dice: u32) -> room::Event {
        let invite_id = InviteId::of(&format!("INVITE{}", self.rng.random_range(0..3)));
        let max_uses = [None, Some(1), Some(2)][self.rng.random_range(0..3)];
        match dice {
            106..109 => {
                room::Event::InviteCreated { invite_id, max_uses, expires_at: max_uses.map(|_| Time::UNIX_EPOCH) }
            }
            109 => room::Event::InviteRevoked { invite_id },
            _ => room::Event::InviteUsed { invite_id, user_id, role: Role::Member },
        }
    }

    fn of_user(&mut self, user_id: UserId, room_id: RoomId, dice: u32) -> user::Event {
        self.edits += 1;
        match dice {
            120..127 => user::Event::ReadMarked { user_id, room_id, seq: Seq(self.rng.random_range(0..5000)) },
            // Few, so that somebody is left; what they still do afterwards leaves nothing.
            130 if self.users[6..].contains(&user_id) => user::Event::Erased { user_id },
            127 | 130 => user::Event::SessionStarted { user_id, session_id: SessionId::mint(&SystemClock) },
            _ => {
                let (username, avatar_url) = (format!("User{}", self.edits), None);
                user::Event::Updated { user_id, username, display_name: Some("Nobody".to_owned()), avatar_url }
            }
        }
    }
}
