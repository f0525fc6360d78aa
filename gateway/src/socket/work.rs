//! Carrying out on the hub what a session asks for.

use voxlog_core::{
    id::{MessageId, RoomId, UserId},
    message::{self, Draft},
    room,
};
use voxlog_projections::rooms::room_by_code;

use crate::{
    Gateway,
    error::{Code, Failure},
    hub::Done,
    protocol::{Command, NewRoom, Posting},
    session::{Answer, Work},
};

/// Does it and tells what came of it.
pub(super) async fn run(gateway: &Gateway, user: UserId, work: Work) -> Result<Answer, Failure> {
    match work {
        Work::Subscribe(room, cursor) => {
            Ok(Answer::Opening(Box::new(gateway.hub.open_for(user, room, cursor).await?)))
        }
        Work::Unsubscribe(_) => Err(Failure::internal(&"an unsubscribe left its session")),
        Work::Command(Command::Post(room, posting)) => post(gateway, user, room, posting).await,
        Work::Command(command) => Ok(Answer::Done(carry_out(gateway, user, command).await?)),
        Work::History { room, class, after, before, limit } => {
            let events = gateway.hub.history(user, room, class, after, before, limit).await?;
            let has_more = events.len() == limit;
            Ok(Answer::Page { room, class, events, has_more })
        }
    }
}

async fn carry_out(gateway: &Gateway, user: UserId, command: Command) -> Result<Done, Failure> {
    let hub = &gateway.hub;
    match command {
        Command::CreateRoom(NewRoom { name, description, max_users, settings }) => {
            let code = room::code(&mut rand::random::<u8>);
            hub.create_room(user, room::Command::Create { name, description, code, max_users, settings }).await
        }
        Command::JoinByCode(code) => {
            let room = resolve(gateway, &code).await?;
            hub.room_command(user, room, room::Command::Join { code: Some(code) }).await
        }
        Command::Room(room, command) => hub.room_command(user, room, command).await,
        Command::Message(room, message, command) => hub.message_command(user, room, message, command).await,
        Command::Post(..) => Err(Failure::internal(&"a post was taken for another command")),
    }
}

/// The room that a code belongs to. This alone needs PostgreSQL: the log knows rooms by their ids.
async fn resolve(gateway: &Gateway, code: &str) -> Result<RoomId, Failure> {
    let found = room_by_code(&gateway.read, &room::normalize_code(code)).await.map_err(|error| {
        tracing::warn!(%error, "a code could not be looked up");
        Failure::unavailable("codes can't be looked up just now")
    })?;
    found.map(|room| room.id).ok_or_else(|| Failure::new(Code::NotFound, "there is no room with this code"))
}

async fn post(gateway: &Gateway, user: UserId, room: RoomId, posting: Posting) -> Result<Answer, Failure> {
    let Posting { id, content, kind, reply_to, thread_root } = posting;
    let id = id.unwrap_or_else(|| MessageId::mint(&*gateway.clock));
    let draft = Draft { id, content, kind, reply_to, thread_root };
    let done = gateway.hub.message_command(user, room, id, message::Command::Post(draft)).await?;
    Ok(Answer::Posted(id, done))
}
