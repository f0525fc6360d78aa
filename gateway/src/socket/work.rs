//! Carrying out on the hub what a session asks for.

use voxlog_core::{
    decider::Asker,
    id::{MessageId, RoomId},
    message,
};

use crate::{
    Gateway,
    error::Failure,
    hub::Done,
    limits::Budget,
    protocol::Command,
    rest::room_code,
    session::{Answer, Work},
    shapes::Posting,
};

/// Does it and tells what came of it.
pub(super) async fn run(gateway: &Gateway, asker: impl Into<Asker>, work: Work) -> Result<Answer, Failure> {
    let asker = asker.into();
    // Subscribing is free here: after a reconnect a client does it two hundred times, at its socket's own rate.
    if matches!(work, Work::Command(_) | Work::History { .. }) {
        gateway.limits.take(Budget::User, &asker.user.to_string(), 1)?;
    }
    match work {
        Work::Subscribe(room, cursor) => {
            Ok(Answer::Opening(Box::new(gateway.hub.open_for(asker.user, room, cursor).await?)))
        }
        Work::Unsubscribe(_) => Err(Failure::internal(&"an unsubscribe left its session")),
        Work::Command(command) => carry_out(gateway, asker, command).await,
        Work::History { room, class, after, before, limit } => {
            let events = gateway.hub.history(asker.user, room, class, after, before, limit).await?;
            let has_more = events.len() == limit;
            Ok(Answer::Page { room, class, events, has_more })
        }
    }
}

async fn carry_out(gateway: &Gateway, by: Asker, command: Command) -> Result<Answer, Failure> {
    let hub = &gateway.hub;
    let coded = |(done, code): (Done, String)| Answer::Coded(code, done);
    match command {
        Command::CreateRoom(room) => room_code::open_room(gateway, by, room).await.map(coded),
        Command::NewCode(room) => room_code::rotate(gateway, by, room).await.map(coded),
        Command::Invite(room, invite) => room_code::invite(gateway, by, room, invite).await.map(coded),
        Command::JoinByCode(code) => room_code::join(gateway, by, &code).await.map(Answer::Done),
        Command::Room(room, command) => hub.room_command(by, room, command).await.map(Answer::Done),
        Command::Post(room, posting) => post(gateway, by, room, posting).await,
        Command::Message(room, message, command) => {
            hub.message_command(by, room, message, command).await.map(Answer::Done)
        }
        Command::MarkRead(room, seq) => {
            hub.mark_read(by.user, room, seq).await?;
            Ok(Answer::Marked(room))
        }
    }
}

async fn post(gateway: &Gateway, by: Asker, room: RoomId, posting: Posting) -> Result<Answer, Failure> {
    let draft = posting.draft(|| MessageId::mint(&*gateway.clock));
    let id = draft.id;
    let done = gateway.hub.message_command(by, room, id, message::Command::Post(draft)).await?;
    Ok(Answer::Posted(id, done))
}
