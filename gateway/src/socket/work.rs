//! Carrying out on the hub what a session asks for.

use voxlog_core::{
    id::{MessageId, RoomId, UserId},
    message::{self, Draft},
};

use crate::{
    Gateway,
    error::Failure,
    hub::Done,
    protocol::{Command, Posting},
    rest::room_code,
    session::{Answer, Work},
};

/// Does it and tells what came of it.
pub(super) async fn run(gateway: &Gateway, user: UserId, work: Work) -> Result<Answer, Failure> {
    match work {
        Work::Subscribe(room, cursor) => Ok(Answer::Opening(Box::new(gateway.hub.open_for(user, room, cursor).await?))),
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
        Command::CreateRoom(room) => room_code::open_room(gateway, user, room).await.map(|(done, _code)| done),
        Command::JoinByCode(code) => room_code::join(gateway, user, &code).await,
        Command::Room(room, command) => hub.room_command(user, room, command).await,
        Command::Message(room, message, command) => hub.message_command(user, room, message, command).await,
        Command::Post(..) => Err(Failure::internal(&"a post was taken for another command")),
    }
}

async fn post(gateway: &Gateway, user: UserId, room: RoomId, posting: Posting) -> Result<Answer, Failure> {
    let Posting { id, content, kind, reply_to, thread_root } = posting;
    let id = id.unwrap_or_else(|| MessageId::mint(&*gateway.clock));
    let draft = Draft { id, content, kind, reply_to, thread_root };
    let done = gateway.hub.message_command(user, room, id, message::Command::Post(draft)).await?;
    Ok(Answer::Posted(id, done))
}
