//! A room and its members.
//!
//! Invariants: an open room has exactly one owner, who is a member; nobody is a member and banned at once; no more
//! members than seats. Every command makes at most one event, so the invariants hold at every seq of the log.
//!
//! Guests are those who have no account. A room takes them where its settings say so, and they stay guests in it.
//!
//! Sanctions outlive the seat: who leaves while muted comes back muted, and an unban lifts no mute. A sanction that has
//! run out holds nobody, though it stays in the state: a ban until its user joins again, a mute until the next one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Time,
    decider::{Asked, Decider},
    id::UserId,
    rejection::Rejection,
};

pub use code::{code, invite_code, normalize_code};
pub use invite_id::{InvalidInviteId, InviteId};
pub use invites::{Invite, MAX_INVITE_USES, MAX_INVITES};
pub use membership::MAX_REQUESTS;
pub use moderation::MAX_REASON_CHARS;
pub use settings::{
    Changes, MAX_DESCRIPTION_CHARS, MAX_NAME_CHARS, MAX_SEATS, MAX_SLOW_MODE_S, MIN_SEATS, Settings, SettingsPatch,
};
pub use state::{Interior, MemberView, Role, Room, UNRECORDED_TTL, View};

mod code;
mod invite_id;
mod invites;
mod membership;
mod moderation;
mod settings;
mod state;

/// What may be asked of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Opens a room; the asker becomes its owner.
    Create {
        /// 1 to 80 characters.
        name: String,
        /// Up to 500 characters.
        description: String,
        /// By which others join; see [`code`](code()).
        code: String,
        /// Seats, 2 to 500.
        max_users: u16,
        /// How the room behaves.
        settings: Settings,
    },
    /// Changes what is given and leaves the rest. The right of admins and the owner.
    Update(Changes<SettingsPatch>),
    /// Closes the room for good. It stays readable for its members. The owner's right alone.
    Archive,
    /// Gives the room a new code: the old one opens nothing any more. The right of admins and the owner.
    RotateCode {
        /// By which others join from now on; see [`code`](code()).
        code: String,
    },
    /// The asker takes a seat, or asks for one where admins approve. A room that is not public asks for a code.
    Join {
        /// The room's code or that of an invite, as the asker knows it.
        code: Option<String>,
    },
    /// The asker gives up the seat, or takes back the request for one. An owner hands over or archives first.
    Leave,
    /// Gives a seat to who has asked for one. The right of admins and the owner.
    Approve {
        /// Who asked.
        user: UserId,
    },
    /// Turns down who has asked for a seat; they may ask again. The right of admins and the owner.
    Deny {
        /// Who asked.
        user: UserId,
    },
    /// Makes a code that lets people in without approval. The right of admins and the owner.
    CreateInvite {
        /// By which they join; see [`invite_code`].
        code: String,
        /// How many may use it, 1 to 500; `None` means any number.
        max_uses: Option<u32>,
        /// When it stops working; `None` means never.
        expires_at: Option<Time>,
    },
    /// Ends an invite. The right of admins and the owner.
    RevokeInvite {
        /// Which.
        invite: InviteId,
    },
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
    /// Gives a member another role. [`Role::Owner`] hands the room over: the asker becomes an admin. The owner's right
    /// alone.
    SetRole {
        /// Whose.
        user: UserId,
        /// Which.
        role: Role,
    },
}

/// What has happened to a room, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum Event {
    /// The room opened, with its owner in the first seat.
    #[serde(rename = "voxlog.room.created.v1")]
    Created {
        /// What people call it.
        #[schemars(length(min = 1, max = MAX_NAME_CHARS))]
        name: String,
        /// What it is for.
        #[serde(default)]
        #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
        description: String,
        /// Short and unambiguous; whoever knows it may join.
        #[schemars(regex(pattern = STORED_CODE))]
        code: String,
        /// Its first member.
        owner_id: UserId,
        /// Seats.
        #[schemars(range(min = MIN_SEATS, max = MAX_SEATS))]
        max_users: u16,
        /// How it behaves.
        settings: Settings,
    },
    /// Some of the room changed; what is absent stayed as it was.
    #[serde(rename = "voxlog.room.updated.v1")]
    Updated(Changes),
    /// The room closed for good.
    #[serde(rename = "voxlog.room.archived.v1")]
    Archived {},
    /// The room has another code; the old one opens nothing any more.
    #[serde(rename = "voxlog.room.codeRotated.v1")]
    CodeRotated {
        /// Whoever knows it may join.
        #[schemars(regex(pattern = STORED_CODE))]
        code: String,
    },
    /// An invite lets people in. Its code stands nowhere: who made it has been told.
    #[serde(rename = "voxlog.invite.created.v2")]
    InviteCreated {
        /// Which.
        invite_id: InviteId,
        /// How many may use it; absent means any number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        max_uses: Option<u32>,
        /// When it stops working; absent means never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Time>,
    },
    /// An invite lets nobody in any more.
    #[serde(rename = "voxlog.invite.revoked.v2")]
    InviteRevoked {
        /// Which.
        invite_id: InviteId,
    },
    /// Somebody took a seat by an invite.
    #[serde(rename = "voxlog.invite.used.v2")]
    InviteUsed {
        /// Which invite.
        invite_id: InviteId,
        /// Who.
        user_id: UserId,
        /// As what.
        role: Role,
    },
    /// Somebody asks for a seat.
    #[serde(rename = "voxlog.member.requested.v1")]
    Requested {
        /// Who.
        user_id: UserId,
        /// As what.
        role: Role,
    },
    /// Somebody who asked for a seat has one.
    #[serde(rename = "voxlog.member.approved.v1")]
    Approved {
        /// Who.
        user_id: UserId,
        /// As what.
        role: Role,
    },
    /// Somebody who asked for a seat does not get one.
    #[serde(rename = "voxlog.member.denied.v1")]
    Denied {
        /// Who.
        user_id: UserId,
    },
    /// Somebody took a seat.
    #[serde(rename = "voxlog.member.joined.v1")]
    Joined {
        /// Who.
        user_id: UserId,
        /// As what.
        role: Role,
    },
    /// Somebody gave up their seat, or the wish for one.
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
        /// Why. Told to everyone in the room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = MAX_REASON_CHARS))]
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
        /// Why. Told to everyone in the room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = MAX_REASON_CHARS))]
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
        /// Why. Told to everyone in the room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = MAX_REASON_CHARS))]
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

impl Event {
    /// The types of all variants, as they stand in the log.
    pub const TYPES: [&str; 18] = [
        "voxlog.room.created.v1",
        "voxlog.room.updated.v1",
        "voxlog.room.archived.v1",
        "voxlog.room.codeRotated.v1",
        "voxlog.invite.created.v2",
        "voxlog.invite.revoked.v2",
        "voxlog.invite.used.v2",
        "voxlog.member.requested.v1",
        "voxlog.member.approved.v1",
        "voxlog.member.denied.v1",
        "voxlog.member.joined.v1",
        "voxlog.member.left.v1",
        "voxlog.member.kicked.v1",
        "voxlog.member.banned.v1",
        "voxlog.member.unbanned.v1",
        "voxlog.member.muted.v1",
        "voxlog.member.unmuted.v1",
        "voxlog.member.roleChanged.v1",
    ];
}

/// A code as it stands in the log.
const STORED_CODE: &str = "^[0-9A-Z]{4,32}$";

type Decision = Result<Vec<Event>, Rejection>;

impl Decider for Room {
    type Command = Command;
    type Event = Event;
    type World<'a> = ();

    fn decide(&self, (): (), asked: Asked, command: &Command) -> Decision {
        match (self, command) {
            (Self::Vacant, Command::Create { name, description, code, max_users, settings }) => {
                settings::create(asked, name, description, code, *max_users, settings)
            }
            (Self::Vacant, _) => Err(Rejection::NotFound("room")),
            (Self::Open(_) | Self::Archived(_), Command::Create { .. }) => {
                Err(Rejection::Conflict("there is a room of this id already"))
            }
            (Self::Open(room), Command::Update(changes)) => room.update(asked, changes),
            (Self::Open(room), Command::Archive) => room.archive(asked),
            (Self::Open(room), Command::Join { code }) => room.join(asked, code.as_deref()),
            (Self::Open(room), Command::Leave) => room.leave(asked),
            (Self::Open(room), Command::RotateCode { code }) => room.rotate_code(asked, code),
            (Self::Open(room), Command::Approve { user }) => room.approve(asked, *user),
            (Self::Open(room), Command::Deny { user }) => room.deny(asked, *user),
            (Self::Open(room), Command::CreateInvite { code, max_uses, expires_at }) => {
                room.create_invite(asked, code, *max_uses, *expires_at)
            }
            (Self::Open(room), Command::RevokeInvite { invite }) => room.revoke_invite(asked, invite),
            (Self::Open(room), Command::Kick { user, reason }) => room.kick(asked, *user, reason.as_deref()),
            (Self::Open(room), Command::Ban { user, until, reason }) => {
                room.ban(asked, *user, *until, reason.as_deref())
            }
            (Self::Open(room), Command::Unban { user }) => room.unban(asked, *user),
            (Self::Open(room), Command::Mute { user, until, reason }) => {
                room.mute(asked, *user, *until, reason.as_deref())
            }
            (Self::Open(room), Command::Unmute { user }) => room.unmute(asked, *user),
            (Self::Open(room), Command::SetRole { user, role }) => room.set_role(asked, *user, *role),
            (Self::Archived(room), Command::Leave) => room.give_up_seat(asked),
            (Self::Archived(room), Command::Join { code }) => {
                room.admit(asked, code.as_deref()).and(Err(Rejection::RoomArchived))
            }
            (Self::Archived(room), _) => room.standing(asked).and(Err(Rejection::RoomArchived)),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match (&mut *self, event) {
            (Self::Vacant, Event::Created { name, description, code, owner_id, max_users, settings }) => {
                *self = Self::Open(Interior {
                    name: name.clone(),
                    description: description.clone(),
                    code: code.clone(),
                    max_users: *max_users,
                    settings: settings.clone(),
                    members: [(*owner_id, Role::Owner)].into(),
                    mutes: [].into(),
                    bans: [].into(),
                    requests: [].into(),
                    invites: [].into(),
                });
            }
            (Self::Open(_), Event::Archived {}) => {
                if let Self::Open(room) = std::mem::take(self) {
                    *self = Self::Archived(room);
                }
            }
            (Self::Open(room) | Self::Archived(room), event) => room.take_in(event),
            (Self::Vacant, _) => {}
        }
    }
}
