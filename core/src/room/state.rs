//! A room's state, and what others ask of it.

use std::{collections::HashMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{Event, Invite, InviteId, Settings};
use crate::{clock::Time, decider::Asked, id::UserId, rejection::Rejection};

/// How long messages of a room that keeps none stay in the log: long enough for a reconnect to catch them up.
pub const UNRECORDED_TTL: Duration = Duration::from_mins(1);

/// What a member may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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

/// What a room has inside, open or archived. Its serialized form is what its members are shown: the members as a list
/// sorted by id, and no sanctions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
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
    #[serde(serialize_with = "as_list")]
    #[schemars(with = "Vec<MemberView>")]
    pub members: HashMap<UserId, Role>,
    /// Who may not write, and until when.
    #[serde(skip)]
    pub mutes: HashMap<UserId, Option<Time>>,
    /// Who may not join, and until when.
    #[serde(skip)]
    pub bans: HashMap<UserId, Option<Time>>,
    /// Who asks for a seat, and as what.
    #[serde(skip)]
    pub requests: HashMap<UserId, Role>,
    /// What lets people in without approval.
    #[serde(skip)]
    pub invites: HashMap<InviteId, Invite>,
}

/// A room as its members are shown it, at one moment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "RoomView")]
pub struct View {
    /// Closed for good.
    pub archived: bool,
    /// The rest.
    #[serde(flatten)]
    pub interior: Interior,
}

/// A member as other members are shown them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    /// Who.
    pub user_id: UserId,
    /// What they may do.
    pub role: Role,
}

impl Room {
    /// What is inside; `None` for a room that never was.
    pub const fn interior(&self) -> Option<&Interior> {
        match self {
            Self::Vacant => None,
            Self::Open(interior) | Self::Archived(interior) => Some(interior),
        }
    }

    /// What members are shown; `None` for a room that never was.
    pub fn view(&self) -> Option<View> {
        let interior = self.interior()?.clone();
        Some(View { archived: !self.is_open(), interior })
    }

    /// Whether people may still come and write.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// The user's role; `None` when they are not a member.
    pub fn role(&self, user: UserId) -> Option<Role> {
        self.interior()?.members.get(&user).copied()
    }

    /// Whether the user may subscribe and read: members may, in an archived room too.
    pub fn may_read(&self, user: UserId) -> bool {
        self.role(user).is_some()
    }

    /// The seconds that must pass between two messages of this user; `None` when slow mode does not hold them. Admins
    /// and the owner write as they like.
    pub fn slow_mode_s(&self, user: UserId) -> Option<u32> {
        let every_s = self.interior()?.settings.slow_mode_s;
        (every_s > 0 && self.role(user).is_none_or(|role| role < Role::Admin)).then_some(every_s)
    }

    /// When a message that is posted now leaves the log by itself; `None` means never.
    pub fn message_ttl(&self) -> Option<Duration> {
        let recorded = self.interior().is_none_or(|interior| interior.settings.record_messages);
        (!recorded).then_some(UNRECORDED_TTL)
    }
}

impl Interior {
    /// Whether the user may read but not write at this time.
    pub fn is_muted(&self, user: UserId, at: Time) -> bool {
        holds(self.mutes.get(&user), at)
    }

    /// Whether the user is kept out at this time.
    pub fn is_banned(&self, user: UserId, at: Time) -> bool {
        holds(self.bans.get(&user), at)
    }

    /// The asker's role, or why they have none.
    pub(crate) fn standing(&self, asked: Asked) -> Result<Role, Rejection> {
        match self.members.get(&asked.by) {
            Some(role) => Ok(*role),
            None if self.is_banned(asked.by, asked.at) => Err(Rejection::Banned),
            None => Err(Rejection::NotAMember),
        }
    }

    /// Takes in an event of a room that exists.
    pub(super) fn take_in(&mut self, event: &Event) {
        match event {
            // The first event of a room made it; its end is taken in by the room itself.
            Event::Created { .. } | Event::Archived {} => {}
            Event::Updated(changes) => self.change(changes),
            Event::CodeRotated { code } => self.code.clone_from(code),
            Event::InviteCreated { invite_id, max_uses, expires_at } => {
                self.add_invite(invite_id.clone(), Invite { uses_left: *max_uses, expires_at: *expires_at });
            }
            Event::InviteRevoked { invite_id } => {
                self.invites.remove(invite_id);
            }
            Event::InviteUsed { invite_id, user_id, role } => {
                self.use_invite(invite_id);
                self.seat(*user_id, *role);
            }
            Event::Joined { user_id, role } | Event::Approved { user_id, role } => self.seat(*user_id, *role),
            Event::Requested { user_id, role } => {
                self.bans.remove(user_id);
                self.requests.insert(*user_id, *role);
            }
            Event::Denied { user_id } => {
                self.requests.remove(user_id);
            }
            Event::Left { user_id } => {
                self.requests.remove(user_id);
                self.members.remove(user_id);
            }
            Event::Kicked { user_id, .. } => {
                self.members.remove(user_id);
            }
            Event::Banned { user_id, until, .. } => {
                self.requests.remove(user_id);
                self.members.remove(user_id);
                self.bans.insert(*user_id, *until);
            }
            Event::Unbanned { user_id } => {
                self.bans.remove(user_id);
            }
            Event::Muted { user_id, until, .. } => {
                self.mutes.insert(*user_id, *until);
            }
            Event::Unmuted { user_id } => {
                self.mutes.remove(user_id);
            }
            Event::RoleChanged { user_id, role, former_owner_id } => {
                self.members.insert(*user_id, *role);
                self.members.extend(former_owner_id.map(|former| (former, Role::Admin)));
            }
        }
    }

    fn seat(&mut self, user: UserId, role: Role) {
        self.bans.remove(&user);
        self.requests.remove(&user);
        self.members.insert(user, role);
    }
}

/// A sanction that ends at a time is over at that time.
fn holds(sanction: Option<&Option<Time>>, at: Time) -> bool {
    sanction.is_some_and(|until| until.is_none_or(|until| until > at))
}

fn list(members: &HashMap<UserId, Role>) -> Vec<MemberView> {
    let mut list: Vec<_> = members.iter().map(|(&user_id, &role)| MemberView { user_id, role }).collect();
    list.sort_unstable_by_key(|member| member.user_id);
    list
}

fn as_list<S: Serializer>(members: &HashMap<UserId, Role>, serializer: S) -> Result<S::Ok, S::Error> {
    list(members).serialize(serializer)
}
