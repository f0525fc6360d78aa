//! What clients ask with: the bodies of REST, which are the fields of frames too.
//!
//! Only shapes are checked here: an unknown field is a mistake, since a misspelt `until` must not become a ban for ever.
//! What a command may say is the deciders' business. A field that may be absent may be null, which means the same.

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use voxlog_core::{
    call::{Media, MediaChange},
    clock::Time,
    id::{MessageId, UserId},
    message::{self, Draft, Kind, MAX_CONTENT_CHARS, MAX_EMOJI_BYTES},
    position::Seq,
    room::{
        self, Changes, MAX_DESCRIPTION_CHARS, MAX_INVITE_USES, MAX_NAME_CHARS, MAX_REASON_CHARS, MAX_SEATS, MIN_SEATS,
        Role, Settings, SettingsPatch,
    },
};

use crate::error::{Code, Failure};

pub(crate) mod object;

/// Seats of a room whose creator does not say how many.
pub const DEFAULT_SEATS: u16 = 100;

/// A room to open.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRoom {
    /// What people shall call it.
    #[schemars(length(min = 1, max = MAX_NAME_CHARS))]
    pub name: String,
    /// What it is for.
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    pub description: Option<String>,
    /// Seats; 100 unless it is said.
    #[schemars(range(min = MIN_SEATS, max = MAX_SEATS))]
    pub max_users: Option<u16>,
    /// How it behaves; what is left out is switched off, but that messages are recorded.
    #[serde(default, deserialize_with = "object::maybe")]
    #[schemars(with = "Option<Settings>")]
    pub settings: Option<Settings>,
}

/// What changes of a room; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoomUpdate {
    /// What people shall call it.
    #[schemars(length(min = 1, max = MAX_NAME_CHARS))]
    pub name: Option<String>,
    /// What it is for.
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    pub description: Option<String>,
    /// Seats; not below the members it has.
    #[schemars(range(min = MIN_SEATS, max = MAX_SEATS))]
    pub max_users: Option<u16>,
    /// How it behaves.
    #[serde(default, deserialize_with = "object::maybe")]
    #[schemars(with = "Option<SettingsPatch>")]
    pub settings: Option<SettingsPatch>,
}

/// No more than what the place says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Whom {
    /// Who.
    pub user_id: UserId,
}

/// Somebody who is to lose their seat.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kick {
    /// Who.
    pub user_id: UserId,
    /// Told to everyone in the room.
    #[schemars(length(max = MAX_REASON_CHARS))]
    pub reason: Option<String>,
}

/// Somebody who is to be kept out, or kept from writing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sanction {
    /// Who.
    pub user_id: UserId,
    /// When it ends by itself; without it, never.
    pub until: Option<Time>,
    /// Told to everyone in the room.
    #[schemars(length(max = MAX_REASON_CHARS))]
    pub reason: Option<String>,
}

/// Somebody who is to have another role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRole {
    /// Who.
    pub user_id: UserId,
    /// Which role; `owner` hands the room over.
    pub role: Role,
}

/// An invite to make.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewInvite {
    /// How many may use it; without it, any number.
    #[schemars(range(min = 1, max = MAX_INVITE_USES))]
    pub max_uses: Option<u32>,
    /// Seconds until it stops working; without it, never.
    #[schemars(range(min = 1))]
    pub expires_in_s: Option<u32>,
}

/// A message to write.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Posting {
    /// What it says. `<@USER-ID>` mentions a member.
    #[schemars(length(min = 1, max = MAX_CONTENT_CHARS))]
    pub content: String,
    /// What kind of content; `text` unless it is said.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// The message in whose thread it stands.
    pub thread_root: Option<MessageId>,
    /// Its name, if you choose one; by it a repetition is known.
    pub message_id: Option<MessageId>,
    /// Comes with a later version; until then it must be empty.
    #[schemars(length(max = 0))]
    pub attachments: Option<Vec<Value>>,
}

/// Another content of a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edit {
    /// What it says from now on. `<@USER-ID>` mentions a member.
    #[schemars(length(min = 1, max = MAX_CONTENT_CHARS))]
    pub content: String,
}

/// An answer to a message by an emoji.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reaction {
    /// One emoji, up to 32 bytes of UTF-8.
    #[schemars(length(min = 1, max = MAX_EMOJI_BYTES))]
    pub emoji: String,
}

/// How far a room has been read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadMark {
    /// The last message that was read. It never goes back.
    pub seq: Seq,
}

/// A place to take in a room's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallJoin {
    /// Not heard at first.
    pub muted: Option<bool>,
    /// Does not hear at first.
    pub deafened: Option<bool>,
    /// Its camera is seen.
    pub video: Option<bool>,
}

/// What changes of a device in a room's call; what is absent stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallUpdate {
    /// Whether it is not heard.
    pub muted: Option<bool>,
    /// Whether it does not hear.
    pub deafened: Option<bool>,
    /// Whether its camera is seen.
    pub video: Option<bool>,
    /// Whether its screen is seen.
    pub screen: Option<bool>,
    /// Whether its user is speaking now. Passed on, and not kept.
    pub speaking: Option<bool>,
}

/// Somebody to let into a room's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Admission {
    /// Another member; without it, yourself.
    pub user_id: Option<UserId>,
}

impl From<CallJoin> for Media {
    fn from(CallJoin { muted, deafened, video }: CallJoin) -> Self {
        let said = |what: Option<bool>| what.unwrap_or_default();
        Self { muted: said(muted), deafened: said(deafened), video: said(video), screen: false }
    }
}

impl CallUpdate {
    /// What of it is kept; `None` when nothing is.
    pub fn kept(self) -> Option<MediaChange> {
        let Self { muted, deafened, video, screen, speaking: _ } = self;
        let change = MediaChange { muted, deafened, video, screen };
        (change != MediaChange::default()).then_some(change)
    }
}

impl NewRoom {
    /// The command that opens it under a code.
    pub fn create(self, code: String) -> room::Command {
        let Self { name, description, max_users, settings } = self;
        let (description, max_users) = (description.unwrap_or_default(), max_users.unwrap_or(DEFAULT_SEATS));
        room::Command::Create { name, description, code, max_users, settings: settings.unwrap_or_default() }
    }
}

impl From<RoomUpdate> for room::Command {
    fn from(RoomUpdate { name, description, max_users, settings }: RoomUpdate) -> Self {
        Self::Update(Changes { name, description, max_users, settings })
    }
}

impl From<Kick> for room::Command {
    fn from(Kick { user_id, reason }: Kick) -> Self {
        Self::Kick { user: user_id, reason }
    }
}

impl Sanction {
    /// Keeps them out.
    pub fn ban(self) -> room::Command {
        room::Command::Ban { user: self.user_id, until: self.until, reason: self.reason }
    }

    /// Keeps them from writing.
    pub fn mute(self) -> room::Command {
        room::Command::Mute { user: self.user_id, until: self.until, reason: self.reason }
    }
}

impl From<NewRole> for room::Command {
    fn from(NewRole { user_id, role }: NewRole) -> Self {
        Self::SetRole { user: user_id, role }
    }
}

impl NewInvite {
    /// The command that makes it under a code.
    pub fn create(self, code: String, now: Time) -> room::Command {
        let expires_at = self.expires_in_s.map(|seconds| now + TimeDelta::seconds(seconds.into()));
        room::Command::CreateInvite { code, max_uses: self.max_uses, expires_at }
    }
}

impl Posting {
    /// Refuses what only a later version carries out.
    pub fn supported(self) -> Result<Self, Failure> {
        if self.attachments.as_ref().is_some_and(|attachments| !attachments.is_empty()) {
            return Err(Failure::new(Code::Unsupported, "attachments come with a later version"));
        }
        Ok(self)
    }

    /// The draft of it, under its own id or else this one.
    pub fn draft(self, id: impl FnOnce() -> MessageId) -> Draft {
        let Self { content, kind, reply_to, thread_root, message_id, attachments: _ } = self;
        let (id, kind) = (message_id.unwrap_or_else(id), kind.unwrap_or_default());
        Draft { id, content, kind, reply_to, thread_root }
    }
}

impl From<Edit> for message::Command {
    fn from(Edit { content }: Edit) -> Self {
        Self::Edit { content }
    }
}
