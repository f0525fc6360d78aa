//! The ops, one line each: what a client may ask for, by which fields, and what answers it.
//!
//! The table below reads frames and makes their schemas, so that the documents say what the code does.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;
use voxlog_core::{
    id::{RoomId, SessionId},
    message,
    position::{Class, Cursor, Seq},
    presence::Status,
    room::{self, InviteId},
};

use super::{
    Command, Request, Resume,
    fields::{Alone, Fields, InRoom, OfMessage, Shape},
};
use crate::{
    error::{Code, Failure, brief},
    shapes::{
        Admission, CallJoin, CallUpdate, Edit, Kick, NewInvite, NewRole, NewRoom, Nothing, Posting, Reaction, ReadMark,
        RoomUpdate, Sanction, Whom, object,
    },
};

/// Events in a `page`, unless the client says otherwise, and at most.
const PAGE: usize = 50;
const MAX_PAGE: usize = 200;

/// One op, for the documents.
#[derive(Debug)]
pub struct Op {
    /// As it stands in `op`.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The `op` of the frame that answers it when all is well.
    pub answer: &'static str,
    /// What a frame of it looks like.
    pub schema: Schema,
}

macro_rules! ops {
    ($(#[doc = $about:literal] $op:literal $shape:ty => $answer:literal $make:expr;)+) => {
        /// Every op of this version.
        pub const OPS: &[&str] = &[$($op),+];

        /// Every op of this version, with its schema.
        pub fn ops(generator: &mut SchemaGenerator) -> Vec<Op> {
            vec![$({
                let about = $about.trim_ascii();
                Op { name: $op, about, answer: $answer, schema: <$shape>::frame($op, about, generator) }
            }),+]
        }

        /// `None` when there is no such op.
        fn request(op: &str, fields: Fields) -> Option<Result<Request, Failure>> {
            Some(match op {
                $($op => <$shape>::read(fields).and_then($make),)+
                _ => return None,
            })
        }
    };
}

ops! {
    /// Says who is there. It comes first, and again whenever the token is renewed.
    "hello" Alone<Hello> => "welcome" |it| hello(it.0);
    /// Asks for a room's events from now on, and for what was missed.
    "subscribe" InRoom<Subscribe> => "subscribed" |it| Ok(Request::Subscribe { room: it.room, cursor: it.more.cursor });
    /// Wants nothing more of a room.
    "unsubscribe" InRoom<Nothing> => "ack" |it| Ok(Request::Unsubscribe { room: it.room });
    /// Reads a page of a room's log.
    "history" InRoom<History> => "page" |it| history(it.room, &it.more);
    /// Asks whether anybody is there.
    "ping" Alone<Nothing> => "pong" |_| Ok(Request::Ping);

    /// Opens a room; who asks becomes its owner. The answer has its `code`.
    "room.create" Alone<NewRoom> => "ack" |it| done(Command::CreateRoom(it.0));
    /// Changes what is given and leaves the rest, in `settings` too. The right of admins and the owner.
    "room.update" InRoom<RoomUpdate> => "ack" |it| in_room(it, Into::into);
    /// Closes a room for good; its members can still read it. The owner's right.
    "room.archive" InRoom<Nothing> => "ack" |it| in_room(it, |_| room::Command::Archive);
    /// Gives a room a new `code`, which the answer has: the old one opens nothing any more. The right of admins and the owner.
    "room.code" InRoom<Nothing> => "ack" |it| done(Command::NewCode(it.room));
    /// Takes a seat, by a room's code, an invite's, or in a public room by its id. `requested` tells that admins are asked first.
    "room.join" Alone<Join> => "ack" join;
    /// Gives up the seat, or the request for one.
    "room.leave" InRoom<Nothing> => "ack" |it| in_room(it, |_| room::Command::Leave);
    /// Gives a seat to who has asked for one. The right of admins and the owner.
    "room.approve" InRoom<Whom> => "ack" |it| in_room(it, |whom| room::Command::Approve { user: whom.user_id });
    /// Turns down who has asked for a seat. The right of admins and the owner.
    "room.deny" InRoom<Whom> => "ack" |it| in_room(it, |whom| room::Command::Deny { user: whom.user_id });
    /// Makes an invite, whose `code` this answer alone has, and its `inviteId`. The right of admins and the owner.
    "room.invite" InRoom<NewInvite> => "ack" |it| done(Command::Invite(it.room, it.more));
    /// Ends an invite. The right of admins and the owner.
    "room.uninvite" InRoom<Uninvite> => "ack" |it| in_room(it, |more| room::Command::RevokeInvite { invite: more.invite_id });
    /// Takes a member's seat away; they may join again. The right of admins and the owner.
    "room.kick" InRoom<Kick> => "ack" |it| in_room(it, Into::into);
    /// Takes somebody's seat away, if they have one, and keeps them out. The right of admins and the owner.
    "room.ban" InRoom<Sanction> => "ack" |it| in_room(it, Sanction::ban);
    /// Lets somebody join again. The right of admins and the owner.
    "room.unban" InRoom<Whom> => "ack" |it| in_room(it, |whom| room::Command::Unban { user: whom.user_id });
    /// Lets a member read but not write. The right of admins and the owner.
    "room.mute" InRoom<Sanction> => "ack" |it| in_room(it, Sanction::mute);
    /// Lets a muted member write again. The right of admins and the owner.
    "room.unmute" InRoom<Whom> => "ack" |it| in_room(it, |whom| room::Command::Unmute { user: whom.user_id });
    /// Gives a member another role; `owner` hands the room over. The owner's right.
    "room.role" InRoom<NewRole> => "ack" |it| in_room(it, Into::into);

    /// Writes a message. Under the same `messageId` it is written once, however often it is sent.
    "message.send" InRoom<Posting> => "ack" |it| done(Command::Post(it.room, it.more.supported()?));
    /// Changes what a message says. Its author's right.
    "message.edit" OfMessage<Edit> => "ack" |it| of_message(it, Into::into);
    /// Takes a message back. The right of its author, of admins and the owner.
    "message.delete" OfMessage<Nothing> => "ack" |it| of_message(it, |_| message::Command::Delete);
    /// Puts a message among the room's pins. The right of admins and the owner.
    "message.pin" OfMessage<Nothing> => "ack" |it| of_message(it, |_| message::Command::Pin);
    /// Takes a message off the room's pins. The right of admins and the owner.
    "message.unpin" OfMessage<Nothing> => "ack" |it| of_message(it, |_| message::Command::Unpin);
    /// Answers a message with an emoji, once per member and emoji.
    "reaction.add" OfMessage<Reaction> => "ack" |it| of_message(it, |more| message::Command::React { emoji: more.emoji });
    /// Takes an emoji back.
    "reaction.remove" OfMessage<Reaction> => "ack"
        |it| of_message(it, |more| message::Command::Unreact { emoji: more.emoji });
    /// Tells how far a room has been read. It never goes back.
    "read.mark" InRoom<ReadMark> => "ack" |it| done(Command::MarkRead(it.room, it.more.seq));

    /// Tells how you want to be seen from this device.
    "presence.update" Alone<ShowAs> => "ack" |it| done(Command::ShowAs(it.0.status.into()));
    /// Tells the room that you are typing. It ends by itself after 6 s unless it is said again.
    "typing.start" InRoom<Nothing> => "ack" |it| done(Command::Type(it.room, true));
    /// Tells the room that you are typing no more.
    "typing.stop" InRoom<Nothing> => "ack" |it| done(Command::Type(it.room, false));

    /// Takes a place in the room's call, which begins if there is none. The answer has the `call` and `iceServers`.
    "voice.join" InRoom<CallJoin> => "ack" |it| done(Command::JoinCall(it.room, it.more.into()));
    /// Changes what others hear and see of this device, and tells whether you are speaking, which is not kept.
    "voice.update" InRoom<CallUpdate> => "ack" |it| done(Command::UpdateCall(it.room, it.more));
    /// Gives the place in the room's call up.
    "voice.leave" InRoom<Nothing> => "ack" |it| done(Command::LeaveCall(it.room));
    /// Tells another device in the room's call how to reach this one: a session description or an ICE candidate.
    "voice.signal" InRoom<SignalTo> => "ack"
        |it| done(Command::Signal { room: it.room, to: it.more.to, data: it.more.data });
    /// Makes a token that lets one device into the room's call, once, within a minute: yours, or a member's whom you may let in.
    "voice.token" InRoom<Admission> => "ack" |it| Ok(Request::JoinToken { room: it.room, whom: it.more.user_id });
    /// Ends the room's call for everybody. The right of who began it, of admins and the owner.
    "voice.end" InRoom<Nothing> => "ack" |it| done(Command::EndCall(it.room));
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Hello {
    /// An access token, unless the upgrade had one in `Authorization`.
    token: Option<String>,
    /// How you want to be seen from this device; `online` unless it is said.
    presence: Option<Presence>,
    /// Goes on with an earlier session of yours: its place in a call, and what it was signalled meanwhile.
    #[serde(default, deserialize_with = "object::maybe")]
    #[schemars(with = "Option<Resume>")]
    resume: Option<Resume>,
}

/// How somebody wants to be seen.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Presence {
    /// There.
    Online,
    /// There, but not looking.
    Away,
    /// There, and not to be disturbed.
    Dnd,
    /// There, without others knowing.
    Invisible,
}

impl From<Presence> for Status {
    fn from(presence: Presence) -> Self {
        match presence {
            Presence::Online => Self::Online,
            Presence::Away => Self::Away,
            Presence::Dnd => Self::Dnd,
            Presence::Invisible => Self::Invisible,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShowAs {
    /// How.
    status: Presence,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignalTo {
    /// Which device, by its session.
    to: SessionId,
    /// Anything; it is passed on as it is.
    data: Value,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Subscribe {
    /// What the client has already.
    #[serde(default, deserialize_with = "object::maybe")]
    #[schemars(with = "Option<Cursor>")]
    cursor: Option<Cursor>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct History {
    /// Which of the room's chains.
    class: Class,
    /// Events after this seq.
    after: Option<Seq>,
    /// Events before this seq. With neither, the last ones.
    before: Option<Seq>,
    /// How many at most; 50 unless it is said.
    #[schemars(range(min = 1, max = MAX_PAGE))]
    limit: Option<usize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Join {
    /// Which room; without it, the one that the code belongs to.
    room: Option<RoomId>,
    /// The room's code or an invite's, as it was typed.
    code: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Uninvite {
    /// Which.
    invite_id: InviteId,
}

/// Reads a request off a frame's fields; every one of them must have a meaning.
pub(super) fn read(mut fields: Fields) -> Result<Request, Failure> {
    let op: String = fields.take("op")?;
    request(&op, fields).unwrap_or_else(|| Err(unknown(&op)))
}

#[expect(clippy::unnecessary_wraps, reason = "each line of the table may refuse")]
fn hello(Hello { token, presence, resume }: Hello) -> Result<Request, Failure> {
    Ok(Request::Hello { token: token.map(Into::into), presence: presence.map(Into::into), resume })
}

fn history(room: RoomId, wanted: &History) -> Result<Request, Failure> {
    let &History { class, after, before, limit } = wanted;
    if after.is_some() && before.is_some() {
        return Err(Failure::invalid("before", "can't be given together with after"));
    }
    let limit = limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Failure::invalid("limit", format!("must be 1 to {MAX_PAGE}")));
    }
    Ok(Request::History { room, class, after, before, limit })
}

fn join(Alone(Join { room, code }): Alone<Join>) -> Result<Request, Failure> {
    match (room, code) {
        (Some(room), code) => done(Command::Room(room, room::Command::Join { code })),
        (None, Some(code)) => done(Command::JoinByCode(code)),
        (None, None) => Err(Failure::invalid("code", "is missing, and so is room")),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "each line of the table may refuse")]
fn done(command: Command) -> Result<Request, Failure> {
    Ok(Request::Command(command))
}

fn in_room<T>(it: InRoom<T>, command: impl FnOnce(T) -> room::Command) -> Result<Request, Failure> {
    done(Command::Room(it.room, command(it.more)))
}

fn of_message<T>(it: OfMessage<T>, command: impl FnOnce(T) -> message::Command) -> Result<Request, Failure> {
    done(Command::Message(it.room, it.message, command(it.more)))
}

fn unknown(op: &str) -> Failure {
    Failure::new(Code::Unsupported, format!("there is no op {}", brief(op)))
}
