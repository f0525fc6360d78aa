//! What a client may ask for, op by op.

use serde_json::Value;
use voxlog_core::{
    clock::Time,
    id::{MessageId, RoomId, UserId},
    message,
    position::{Class, Cursor, Seq},
    room::{self, Changes, Settings},
};

use super::fields::{Fields, brief};
use crate::error::{Code, Failure};

/// Events in a `page`, unless the client says otherwise, and at most.
const PAGE: usize = 50;
const MAX_PAGE: usize = 200;

/// Seats of a room whose creator does not say how many.
pub const DEFAULT_SEATS: u16 = 100;

/// What a frame asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Says who is there. The first frame, and again whenever the token is renewed.
    Hello {
        /// An access token, unless the upgrade had one.
        token: Option<String>,
    },
    /// Asks for a room's events from now on, and for what was missed.
    Subscribe {
        /// Which room.
        room: RoomId,
        /// What the client has already.
        cursor: Option<Cursor>,
    },
    /// Wants nothing more of a room.
    Unsubscribe {
        /// Which room.
        room: RoomId,
    },
    /// Wants something done.
    Command(Command),
    /// Reads a page of a room's log.
    History {
        /// Which room.
        room: RoomId,
        /// Which of its chains.
        class: Class,
        /// Events after this seq.
        after: Option<Seq>,
        /// Events before this seq. With neither, the last ones.
        before: Option<Seq>,
        /// How many at most, 1 to 200.
        limit: usize,
    },
    /// Asks whether anybody is there.
    Ping,
}

/// What a client wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Opens a room.
    CreateRoom(NewRoom),
    /// Joins the room that a code belongs to.
    JoinByCode(String),
    /// Does something to a room or its members.
    Room(RoomId, room::Command),
    /// Writes a message.
    Post(RoomId, Posting),
    /// Does something to a message.
    Message(RoomId, MessageId, message::Command),
}

/// A room that a client wants to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoom {
    /// What people shall call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Seats.
    pub max_users: u16,
    /// How it behaves.
    pub settings: Settings,
}

/// A message that a client wants to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Its name, if the client chose one; by it a repetition is known.
    pub id: Option<MessageId>,
    /// What it says.
    pub content: String,
    /// What kind of content.
    pub kind: message::Kind,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The message whose thread it stands in.
    pub thread_root: Option<MessageId>,
}

/// Parts of the protocol that this version knows by name only.
const LATER: [&str; 8] = [
    "read.mark",
    "typing.start",
    "typing.stop",
    "presence.update",
    "voice.join",
    "voice.update",
    "voice.leave",
    "voice.signal",
];

/// Reads a request off a frame's fields; every one of them must have a meaning.
pub(super) fn read(mut fields: Fields) -> Result<Request, Failure> {
    let op: String = fields.required("op")?;
    let request = match op.as_str() {
        "hello" => hello(&mut fields),
        "subscribe" => Ok(Request::Subscribe { room: fields.required("room")?, cursor: fields.optional("cursor")? }),
        "unsubscribe" => Ok(Request::Unsubscribe { room: fields.required("room")? }),
        "history" => history(&mut fields),
        "ping" => Ok(Request::Ping),
        op => command(op, &mut fields).map(Request::Command),
    }?;
    fields.done()?;
    Ok(request)
}

fn hello(fields: &mut Fields) -> Result<Request, Failure> {
    let presence: Option<String> = fields.optional("presence")?;
    if !matches!(presence.as_deref(), None | Some("online" | "away" | "dnd" | "invisible")) {
        return Err(Failure::invalid("presence", "must be online, away, dnd or invisible"));
    }
    Ok(Request::Hello { token: fields.optional("token")? })
}

fn history(fields: &mut Fields) -> Result<Request, Failure> {
    let (room, class) = (fields.required("room")?, fields.required("class")?);
    let (after, before) = (fields.optional("after")?, fields.optional("before")?);
    if after.is_some() && before.is_some() {
        return Err(Failure::invalid("before", "can't be given together with after"));
    }
    let limit = fields.optional("limit")?.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Failure::invalid("limit", format!("must be 1 to {MAX_PAGE}")));
    }
    Ok(Request::History { room, class, after, before, limit })
}

fn command(op: &str, fields: &mut Fields) -> Result<Command, Failure> {
    match op.split_once('.') {
        Some(("room", "create")) => create_room(fields),
        Some(("room", "join")) => join(fields),
        Some(("room", verb)) if let Some(command) = room_command(verb, fields)? => {
            Ok(Command::Room(fields.required("room")?, command))
        }
        Some(("message", "send")) => post(fields),
        Some((noun, verb)) if let Some(command) = message_command(noun, verb, fields)? => {
            Ok(Command::Message(fields.required("room")?, fields.required("messageId")?, command))
        }
        _ if LATER.contains(&op) => Err(unsupported(format!("{op} comes with a later version"))),
        _ => Err(unsupported(format!("there is no op {}", brief(op)))),
    }
}

fn create_room(fields: &mut Fields) -> Result<Command, Failure> {
    Ok(Command::CreateRoom(NewRoom {
        name: fields.required("name")?,
        description: fields.optional("description")?.unwrap_or_default(),
        max_users: fields.optional("maxUsers")?.unwrap_or(DEFAULT_SEATS),
        settings: fields.optional("settings")?.unwrap_or_default(),
    }))
}

fn join(fields: &mut Fields) -> Result<Command, Failure> {
    let (room, code) = (fields.optional("room")?, fields.optional("code")?);
    match (room, code) {
        (Some(room), code) => Ok(Command::Room(room, room::Command::Join { code })),
        (None, Some(code)) => Ok(Command::JoinByCode(code)),
        (None, None) => Err(Failure::invalid("code", "is missing, and so is room")),
    }
}

/// `None` when there is no such verb.
fn room_command(verb: &str, fields: &mut Fields) -> Result<Option<room::Command>, Failure> {
    Ok(Some(match verb {
        "update" => room::Command::Update(Changes {
            name: fields.optional("name")?,
            description: fields.optional("description")?,
            max_users: fields.optional("maxUsers")?,
            settings: fields.optional("settings")?,
        }),
        "archive" => room::Command::Archive,
        "leave" => room::Command::Leave,
        "kick" => room::Command::Kick { user: user(fields)?, reason: fields.optional("reason")? },
        "ban" => room::Command::Ban { user: user(fields)?, until: until(fields)?, reason: fields.optional("reason")? },
        "unban" => room::Command::Unban { user: user(fields)? },
        "mute" => {
            room::Command::Mute { user: user(fields)?, until: until(fields)?, reason: fields.optional("reason")? }
        }
        "unmute" => room::Command::Unmute { user: user(fields)? },
        "role" => room::Command::SetRole { user: user(fields)?, role: fields.required("role")? },
        _ => return Ok(None),
    }))
}

fn user(fields: &mut Fields) -> Result<UserId, Failure> {
    fields.required("userId")
}

fn until(fields: &mut Fields) -> Result<Option<Time>, Failure> {
    fields.optional("until")
}

fn post(fields: &mut Fields) -> Result<Command, Failure> {
    let attachments: Vec<Value> = fields.optional("attachments")?.unwrap_or_default();
    if !attachments.is_empty() {
        return Err(unsupported("attachments come with a later version".to_owned()));
    }
    let posting = Posting {
        id: fields.optional("messageId")?,
        content: fields.required("content")?,
        kind: fields.optional("type")?.unwrap_or_default(),
        reply_to: fields.optional("replyTo")?,
        thread_root: fields.optional("threadRoot")?,
    };
    Ok(Command::Post(fields.required("room")?, posting))
}

/// `None` when there is no such op.
fn message_command(noun: &str, verb: &str, fields: &mut Fields) -> Result<Option<message::Command>, Failure> {
    Ok(Some(match (noun, verb) {
        ("message", "edit") => message::Command::Edit { content: fields.required("content")? },
        ("message", "delete") => message::Command::Delete,
        ("message", "pin") => message::Command::Pin,
        ("message", "unpin") => message::Command::Unpin,
        ("reaction", "add") => message::Command::React { emoji: fields.required("emoji")? },
        ("reaction", "remove") => message::Command::Unreact { emoji: fields.required("emoji")? },
        _ => return Ok(None),
    }))
}

fn unsupported(detail: String) -> Failure {
    Failure::new(Code::Unsupported, detail)
}
