//! A room and its members.
//!
//! Invariants: an open room has exactly one owner, who is a member; nobody is a member and banned at once; no more
//! members than seats. Every command makes at most one event, so the invariants hold at every seq of the log.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{clock::Time, id::UserId};

/// What may be asked of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Opens a room; the asker becomes its owner.
    Create {
        /// 1 to 80 characters.
        name: String,
        /// Up to 500 characters.
        description: String,
        /// By which others join; see [`code`](self::Event::Created).
        code: String,
        /// Seats, 2 to 500.
        max_users: u16,
        /// How the room behaves.
        settings: Settings,
    },
    /// Changes what is given and leaves the rest.
    Update(Changes),
    /// Closes the room for good. It stays readable for its members.
    Archive,
    /// The asker takes a seat. A room that is not public asks for its code.
    Join {
        /// The room's code, as the asker knows it.
        code: Option<String>,
    },
    /// The asker gives up the seat. An owner hands over or archives first.
    Leave,
    /// Takes a member's seat away; they may join again.
    Kick {
        /// Whom.
        user: UserId,
        /// Told to everyone in the room.
        reason: Option<String>,
    },
    /// Takes the seat of a user away, if they have one, and keeps them out.
    Ban {
        /// Whom.
        user: UserId,
        /// When it ends by itself; `None` means never.
        until: Option<Time>,
        /// Told to everyone in the room.
        reason: Option<String>,
    },
    /// Lets a banned user join again.
    Unban {
        /// Whom.
        user: UserId,
    },
    /// Lets a member read but not write.
    Mute {
        /// Whom.
        user: UserId,
        /// When it ends by itself; `None` means never.
        until: Option<Time>,
        /// Told to everyone in the room.
        reason: Option<String>,
    },
    /// Lets a muted member write again.
    Unmute {
        /// Whom.
        user: UserId,
    },
    /// Gives a member another role. [`Role::Owner`] hands the room over: the asker becomes an admin.
    SetRole {
        /// Whose.
        user: UserId,
        /// Which.
        role: Role,
    },
}

/// What has happened to a room, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum Event {
    /// The room opened, with its owner in the first seat.
    #[serde(rename = "voxlog.room.created.v1")]
    Created {
        /// What people call it.
        name: String,
        /// What it is for.
        #[serde(default)]
        description: String,
        /// Short and unambiguous; whoever knows it may join.
        code: String,
        /// Its first member.
        owner_id: UserId,
        /// Seats.
        max_users: u16,
        /// How it behaves.
        settings: Settings,
    },
    /// Some of it changed; what is absent stayed as it was.
    #[serde(rename = "voxlog.room.updated.v1")]
    Updated(Changes),
    /// It closed for good.
    #[serde(rename = "voxlog.room.archived.v1")]
    Archived {},
    /// Somebody took a seat.
    #[serde(rename = "voxlog.member.joined.v1")]
    Joined {
        /// Who.
        user_id: UserId,
        /// As what.
        role: Role,
    },
    /// Somebody gave up their seat.
    #[serde(rename = "voxlog.member.left.v1")]
    Left {
        /// Who.
        user_id: UserId,
    },
    /// Somebody's seat was taken away.
    #[serde(rename = "voxlog.member.kicked.v1")]
    Kicked {
        /// Whose.
        user_id: UserId,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Somebody is kept out, and lost their seat if they had one.
    #[serde(rename = "voxlog.member.banned.v1")]
    Banned {
        /// Who.
        user_id: UserId,
        /// Until when; absent means for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Time>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Somebody may join again.
    #[serde(rename = "voxlog.member.unbanned.v1")]
    Unbanned {
        /// Who.
        user_id: UserId,
    },
    /// Somebody may read but not write.
    #[serde(rename = "voxlog.member.muted.v1")]
    Muted {
        /// Who.
        user_id: UserId,
        /// Until when; absent means for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Time>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Somebody may write again.
    #[serde(rename = "voxlog.member.unmuted.v1")]
    Unmuted {
        /// Who.
        user_id: UserId,
    },
    /// Somebody has another role.
    #[serde(rename = "voxlog.member.roleChanged.v1")]
    RoleChanged {
        /// Who.
        user_id: UserId,
        /// Which role.
        role: Role,
        /// When the room was handed over: the owner until now, whom this same event makes an admin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        former_owner_id: Option<UserId>,
    },
}

/// How a room behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// Listed, and joinable without a code.
    pub is_public: bool,
    /// Guests may join.
    pub allow_guests: bool,
    /// Joining asks an admin first.
    pub require_approval: bool,
    /// Messages are kept. Otherwise they are delivered live and gone from the log after 60 s.
    pub record_messages: bool,
    /// Seconds between two messages of one member; 0 means no limit.
    pub slow_mode_s: u32,
    /// Days after which messages are erased; `None` means never.
    pub retention_days: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            is_public: false,
            allow_guests: false,
            require_approval: false,
            record_messages: true,
            slow_mode_s: 0,
            retention_days: None,
        }
    }
}

/// What changes of a room; `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seats; not below the members it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_users: Option<u16>,
    /// How it behaves, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
}

/// What a member may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Here without an account.
    Guest,
    /// Reads and writes.
    Member,
    /// Moderates.
    Admin,
    /// Has the room; there is exactly one.
    Owner,
}

/// A room's state: the fold of its control chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Room {
    /// Nothing has happened yet.
    #[default]
    Vacant,
    /// People come and go.
    Open(Interior),
    /// Closed for good; readable.
    Archived(Interior),
}

/// What a room has inside, open or archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interior {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// By which others join.
    pub code: String,
    /// Seats.
    pub max_users: u16,
    /// How it behaves.
    pub settings: Settings,
    /// Who is in it, the owner included.
    pub members: HashMap<UserId, Role>,
    /// Who may not write, and until when.
    pub mutes: HashMap<UserId, Option<Time>>,
    /// Who may not join, and until when.
    pub bans: HashMap<UserId, Option<Time>>,
}

impl crate::decider::Decider for Room {
    type Command = Command;
    type Event = Event;
    type World<'a> = ();

    fn decide(
        &self,
        (): (),
        _asked: crate::decider::Asked,
        _command: &Command,
    ) -> Result<Vec<Event>, crate::rejection::Rejection> {
        todo!()
    }

    fn evolve(&mut self, _event: &Event) {
        todo!()
    }
}
