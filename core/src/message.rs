//! A message, from its posting to its deletion.
//!
//! Invariants: only its author edits it; once deleted it stays deleted, and nothing happens to it any more. A deletion
//! therefore moves the fence: an edit that was decided before it, on any gateway, can't land after it.

use std::time::Duration;

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Time,
    decider::{Asked, Decider},
    id::{MessageId, UserId},
    rejection::Rejection,
    room::{Role, Room},
};

pub use content::{MAX_CONTENT_CHARS, MAX_EMOJI_BYTES, MAX_MENTIONS};

mod content;

/// What may be asked about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Writes it.
    Post(Draft),
    /// Changes what it says. The author's right alone.
    Edit {
        /// What it says from now on.
        content: String,
    },
    /// Takes it back. The author's right, and that of admins and the owner.
    Delete,
    /// Answers it with an emoji; once per member and emoji.
    React {
        /// One emoji, up to 32 bytes of UTF-8.
        emoji: String,
    },
    /// Takes an emoji back.
    Unreact {
        /// Which.
        emoji: String,
    },
    /// Puts it among the room's pins. The right of admins and the owner.
    Pin,
    /// Takes it off the pins. The right of admins and the owner.
    Unpin,
}

/// A message as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its name, chosen by the client or the gateway.
    pub id: MessageId,
    /// 1 to [`MAX_CONTENT_CHARS`] characters. `<@ID>` mentions the member of that id, up to [`MAX_MENTIONS`] of them.
    pub content: String,
    /// What kind of content.
    pub kind: Kind,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The message whose thread it stands in.
    pub thread_root: Option<MessageId>,
}

/// What kind of content a message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Written words.
    #[default]
    Text,
    /// A file; its content is the caption.
    File,
    /// Written by Voxlog itself.
    System,
    /// Spoken words; its content is the transcript.
    VoiceNote,
}

/// What has happened to a message, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum Event {
    /// A message was written.
    #[serde(rename = "voxlog.message.posted.v1")]
    Posted {
        /// Also the id of this event.
        message_id: MessageId,
        /// Who wrote it.
        author_id: UserId,
        /// What it says.
        #[schemars(length(min = 1, max = MAX_CONTENT_CHARS))]
        content: String,
        /// What kind of content.
        #[serde(default, rename = "type")]
        kind: Kind,
        /// The message it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
        /// The message whose thread it stands in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread_root: Option<MessageId>,
        /// The members whom it mentions, each once.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = MAX_MENTIONS), extend("uniqueItems" = true))]
        mentions: Vec<UserId>,
    },
    /// A message says something else now.
    #[serde(rename = "voxlog.message.edited.v1")]
    Edited {
        /// Which message.
        message_id: MessageId,
        /// What it says.
        #[schemars(length(min = 1, max = MAX_CONTENT_CHARS))]
        content: String,
        /// The members whom it mentions now, each once.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = MAX_MENTIONS), extend("uniqueItems" = true))]
        mentions: Vec<UserId>,
    },
    /// A message was taken back.
    #[serde(rename = "voxlog.message.deleted.v1")]
    Deleted {
        /// Which message.
        message_id: MessageId,
    },
    /// A message stands among the room's pins.
    #[serde(rename = "voxlog.message.pinned.v1")]
    Pinned {
        /// Which message.
        message_id: MessageId,
    },
    /// A message stands among the room's pins no longer.
    #[serde(rename = "voxlog.message.unpinned.v1")]
    Unpinned {
        /// Which message.
        message_id: MessageId,
    },
    /// Somebody answered a message with an emoji.
    #[serde(rename = "voxlog.reaction.added.v1")]
    ReactionAdded {
        /// Which message.
        message_id: MessageId,
        /// Who.
        user_id: UserId,
        /// With what.
        #[schemars(length(min = 1, max = MAX_EMOJI_BYTES))]
        emoji: String,
    },
    /// Somebody took an emoji back from a message.
    #[serde(rename = "voxlog.reaction.removed.v1")]
    ReactionRemoved {
        /// Which message.
        message_id: MessageId,
        /// Who.
        user_id: UserId,
        /// Which emoji.
        #[schemars(length(min = 1, max = MAX_EMOJI_BYTES))]
        emoji: String,
    },
}

/// What a decision needs to know of a message. Reactions and pins are sets that the readers keep: adding twice or
/// removing what is not there changes nothing for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Message {
    /// Nobody has written it.
    #[default]
    Unwritten,
    /// It stands.
    Posted {
        /// Which message it is.
        id: MessageId,
        /// Who wrote it.
        author: UserId,
    },
    /// It was taken back.
    Deleted,
}

/// What a decision about a message rests on beside the message.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The room it is in, exact at the fence of the append.
    pub room: &'a Room,
    /// For a draft: the messages that it answers or whose thread it joins, in that room.
    pub cited: &'a [(MessageId, Message)],
    /// When the asker last wrote in this room, as far back as its slow mode looks.
    pub last_post: Option<Time>,
}

impl Event {
    /// The types of all variants, as they stand in the log.
    pub const TYPES: [&str; 7] = [
        "voxlog.message.posted.v1",
        "voxlog.message.edited.v1",
        "voxlog.message.deleted.v1",
        "voxlog.message.pinned.v1",
        "voxlog.message.unpinned.v1",
        "voxlog.reaction.added.v1",
        "voxlog.reaction.removed.v1",
    ];

    /// The message that the event is about.
    pub const fn message_id(&self) -> MessageId {
        match self {
            Self::Posted { message_id, .. }
            | Self::Edited { message_id, .. }
            | Self::Deleted { message_id }
            | Self::Pinned { message_id }
            | Self::Unpinned { message_id }
            | Self::ReactionAdded { message_id, .. }
            | Self::ReactionRemoved { message_id, .. } => *message_id,
        }
    }

    /// Whether decisions on other gateways rest on it, so that it must move the fence.
    pub const fn moves_fence(&self) -> bool {
        matches!(self, Self::Deleted { .. })
    }
}

type Decision = Result<Vec<Event>, Rejection>;

impl Decider for Message {
    type Command = Command;
    type Event = Event;
    type World<'a> = Scene<'a>;

    fn decide(&self, scene: Scene<'_>, asked: Asked, command: &Command) -> Decision {
        let role = scene.check_rights(asked, command)?;
        match (*self, command) {
            (Self::Unwritten, Command::Post(draft)) => scene.post(asked, draft),
            (Self::Posted { .. } | Self::Deleted, Command::Post(_)) => {
                Err(Rejection::Conflict("there is a message of this id already"))
            }
            (Self::Deleted, Command::Delete) => Ok(vec![]),
            (Self::Unwritten | Self::Deleted, _) => Err(Rejection::NotFound("message")),
            (Self::Posted { id, author }, Command::Edit { content }) => scene.edit(id, author, asked, content),
            (Self::Posted { id, author }, Command::Delete) => delete(id, author, asked, role),
            (Self::Posted { id, .. }, Command::React { emoji }) => {
                let emoji = content::checked_emoji(emoji)?;
                Ok(vec![Event::ReactionAdded { message_id: id, user_id: asked.by, emoji }])
            }
            (Self::Posted { id, .. }, Command::Unreact { emoji }) => {
                let emoji = content::checked_emoji(emoji)?;
                Ok(vec![Event::ReactionRemoved { message_id: id, user_id: asked.by, emoji }])
            }
            (Self::Posted { id, .. }, Command::Pin) => {
                check_may_pin(role)?;
                Ok(vec![Event::Pinned { message_id: id }])
            }
            (Self::Posted { id, .. }, Command::Unpin) => {
                check_may_pin(role)?;
                Ok(vec![Event::Unpinned { message_id: id }])
            }
        }
    }

    fn evolve(&mut self, event: &Event) {
        match (&mut *self, event) {
            (Self::Unwritten, &Event::Posted { message_id, author_id, .. }) => {
                *self = Self::Posted { id: message_id, author: author_id };
            }
            (_, Event::Deleted { .. }) => *self = Self::Deleted,
            (
                _,
                Event::Posted { .. }
                | Event::Edited { .. }
                | Event::Pinned { .. }
                | Event::Unpinned { .. }
                | Event::ReactionAdded { .. }
                | Event::ReactionRemoved { .. },
            ) => {}
        }
    }
}

impl Scene<'_> {
    /// The asker's role in the room, when they may do such a thing there at all, whatever the message.
    pub fn check_rights(&self, asked: Asked, command: &Command) -> Result<Role, Rejection> {
        let room = self.room.interior().ok_or(Rejection::NotFound("room"))?;
        let role = room.standing(asked)?;
        if !self.room.is_open() {
            return Err(Rejection::RoomArchived);
        }
        if command.is_writing() && room.is_muted(asked.by, asked.at) {
            return Err(Rejection::Muted);
        }
        Ok(role)
    }

    fn post(&self, asked: Asked, draft: &Draft) -> Decision {
        content::check_kind(draft.kind)?;
        let content = content::checked(&draft.content)?;
        let mentions = self.mentioned(asked, &content)?;
        self.check_pace(asked)?;
        if !draft.reply_to.iter().chain(&draft.thread_root).all(|id| self.cites(*id)) {
            return Err(Rejection::NotFound("message"));
        }
        Ok(vec![Event::Posted {
            message_id: draft.id,
            author_id: asked.by,
            content,
            kind: draft.kind,
            reply_to: draft.reply_to,
            thread_root: draft.thread_root,
            mentions,
        }])
    }

    fn edit(&self, id: MessageId, author: UserId, asked: Asked, content: &str) -> Decision {
        if author != asked.by {
            return Err(Rejection::Forbidden("only its author edits a message"));
        }
        let content = content::checked(content)?;
        let mentions = self.mentioned(asked, &content)?;
        Ok(vec![Event::Edited { message_id: id, content, mentions }])
    }

    /// Members whom a content mentions, in its order. Who mentions a stranger, or themself, mentions nobody.
    fn mentioned(&self, asked: Asked, content: &str) -> Result<Vec<UserId>, Rejection> {
        let mut mentioned = content::mentions(content)?;
        mentioned.retain(|user| *user != asked.by && self.room.role(*user).is_some());
        Ok(mentioned)
    }

    /// Whether slow mode lets the asker write now.
    fn check_pace(&self, asked: Asked) -> Result<(), Rejection> {
        let (Some(every_s), Some(last)) = (self.room.slow_mode_s(asked.by), self.last_post) else { return Ok(()) };
        // A clock that went back since must not lock anybody out for longer than the pause itself.
        let passed = (asked.at - last).max(TimeDelta::zero()).to_std().unwrap_or(Duration::MAX);
        match Duration::from_secs(every_s.into()).checked_sub(passed) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(retry_after) => Err(Rejection::SlowMode { every_s, retry_after }),
        }
    }

    /// Whether a message that a draft refers to stands in the room.
    fn cites(&self, message: MessageId) -> bool {
        self.cited.iter().any(|(id, cited)| *id == message && matches!(cited, Message::Posted { .. }))
    }
}

impl Command {
    /// Whether a muted member may not do it: whatever puts something before other people's eyes in their name. Taking
    /// back is not writing, and pins are the room's.
    const fn is_writing(&self) -> bool {
        match self {
            Self::Post(_) | Self::Edit { .. } | Self::React { .. } => true,
            Self::Delete | Self::Unreact { .. } | Self::Pin | Self::Unpin => false,
        }
    }
}

fn delete(id: MessageId, author: UserId, asked: Asked, role: Role) -> Decision {
    if author != asked.by && role < Role::Admin {
        return Err(Rejection::Forbidden("only its author, admins and the owner delete a message"));
    }
    Ok(vec![Event::Deleted { message_id: id }])
}

fn check_may_pin(role: Role) -> Result<(), Rejection> {
    if role < Role::Admin { Err(Rejection::Forbidden("only admins and the owner pin messages")) } else { Ok(()) }
}
