//! Carrying out on the hub what a session asks for.

use voxlog_core::{
    call::{self, EndReason, Ongoing},
    decider::Asker,
    id::{MessageId, RoomId, SessionId},
    message,
};

use crate::{
    Gateway, calls,
    error::Failure,
    hub::Done,
    identity::Caller,
    limits::Budget,
    protocol::{Command, reply::Device},
    rest::room_code::{self, Coded},
    session::{Answer, Work},
    shapes::Posting,
    voice::tokens,
};

/// Does it and tells what came of it.
pub(super) async fn run(gateway: &Gateway, caller: Caller, session: SessionId, work: Work) -> Result<Answer, Failure> {
    // Subscribing is free here: after a reconnect a client does it two hundred times, at its socket's own rate.
    if matches!(work, Work::Command(_) | Work::JoinToken { .. } | Work::History { .. }) {
        gateway.limits.take(Budget::User, &caller.payer(), 1)?;
    }
    match work {
        Work::Subscribe(room, cursor) => {
            Ok(Answer::Opening(Box::new(gateway.hub.open_for(caller.user, room, cursor).await?)))
        }
        Work::Unsubscribe(_) => Err(Failure::internal(&"an unsubscribe left its session")),
        Work::Command(command) => carry_out(gateway, caller, session, command).await,
        Work::JoinToken { room, whom } => {
            tokens::mint(gateway, caller, room, whom).await.map(|token| Answer::Admits(room, token))
        }
        Work::History { room, class, after, before, limit } => {
            let events = gateway.hub.history(caller.user, room, class, after, before, limit).await?;
            let has_more = events.len() == limit;
            Ok(Answer::Page { room, class, events, has_more })
        }
    }
}

async fn carry_out(gateway: &Gateway, caller: Caller, session: SessionId, command: Command) -> Result<Answer, Failure> {
    let (hub, by) = (&gateway.hub, Asker::from(caller));
    let coded = |(done, coded): (Done, Coded)| Answer::Coded(coded, done);
    match command {
        Command::CreateRoom(room) => room_code::open_room(gateway, by, room, None).await.map(coded),
        Command::NewCode(room) => room_code::rotate(gateway, by, room).await.map(coded),
        Command::Invite(room, invite) => room_code::invite(gateway, by, room, invite, None).await.map(coded),
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
        Command::ShowAs(status) => {
            gateway.presence.show_as(session, status).await;
            Ok(Answer::Shown)
        }
        Command::Type(room, typing) => gateway.presence.type_in(by, room, typing).await.map(|()| Answer::Marked(room)),
        Command::JoinCall(room, media) => {
            let joined = calls::join(gateway, by, session, room, media).await?;
            Ok(Answer::Joined(Box::new(joined)))
        }
        Command::UpdateCall(room, update) => {
            let done = calls::update(gateway, by, session, room, update).await?;
            Ok(done.map_or(Answer::Marked(room), Answer::Done))
        }
        Command::LeaveCall(room) => calls::leave(gateway, by, session, room).await.map(Answer::Done),
        Command::EndCall(room) => end_call(gateway, by, room).await,
        Command::Signal { room, to, data } => {
            let from = Device { session, user_id: by.user };
            let call = gateway.signals.send(from, &caller.payer(), room, to, data).await?;
            gateway.calls.touch(room, call);
            Ok(Answer::Marked(room))
        }
    }
}

/// Ends the call that goes on when this is asked, and no later one.
async fn end_call(gateway: &Gateway, by: Asker, room: RoomId) -> Result<Answer, Failure> {
    match gateway.hub.call(by.user, room).await? {
        None => Ok(Answer::Marked(room)),
        Some(Ongoing { call_id: call, .. }) => {
            let end = call::Command::End { call, reason: EndReason::Ended };
            gateway.hub.call_command(by, room, end).await.map(Answer::Done)
        }
    }
}

async fn post(gateway: &Gateway, by: Asker, room: RoomId, posting: Posting) -> Result<Answer, Failure> {
    let draft = posting.draft(|| MessageId::mint(&*gateway.clock));
    let id = draft.id;
    let done = gateway.hub.message_command(by, room, id, message::Command::Post(draft)).await?;
    Ok(Answer::Posted(id, done))
}
