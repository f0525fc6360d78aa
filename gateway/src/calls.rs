//! What a session does in calls.
//!
//! Who is in a call stands in the log; that a session is in one also stands in its record, by which others find it when it
//! is lost. So the record comes first and goes last: whatever dies in between, no device stays in a call that nobody
//! answers for.

use voxlog_core::{
    call::{self, Media, Ongoing},
    decider::Asker,
    id::{CallId, RoomId, SessionId},
    rejection::Rejection,
};

use crate::{Gateway, error::Failure, hub::Done, protocol::reply::IceServer, shapes::CallUpdate};

pub use activity::Activity;

mod activity;

/// A device has a place in a call.
#[derive(Debug)]
pub struct Joined {
    /// The place.
    pub done: Done,
    /// The call as it is now.
    pub call: Ongoing,
    /// By which the devices in it find a way to each other.
    pub ice_servers: Vec<IceServer>,
}

/// Takes a place for a session in a room's call, which begins if there is none. A session is in one call at most.
pub async fn join(
    gateway: &Gateway,
    by: Asker,
    session: SessionId,
    room: RoomId,
    media: Media,
) -> Result<Joined, Failure> {
    let (call, seats) = (CallId::mint(&*gateway.clock), gateway.config.voice.seats);
    let command = call::Command::Join { session, call, seats, media };
    // Who may not join at all is not seen in a call for a moment.
    gateway.hub.check_call(by, room, &command).await?;
    let was_in = gateway.presence.call_of(session) == Some(room);
    forget_lost_place(gateway, session, room).await?;
    gateway.presence.enter_call(session, room).await?;
    let outcome = gateway.hub.call_command(by, room, command).await;
    if outcome.is_err() && !was_in {
        gateway.presence.leave_call(session);
    }
    let done = outcome?;
    // The session may have ended while its join was under way. Whoever ended it found it in no call.
    if gateway.presence.call_of(session) != Some(room) {
        gateway.hub.call_command(by, room, call::Command::Lose { session }).await?;
        return Err(gone());
    }
    let call = gateway.hub.call(by.user, room).await?.ok_or_else(gone)?;
    gateway.calls.touch(room, call.call_id);
    Ok(Joined { done, call, ice_servers: gateway.ice.servers(by.user) })
}

/// Changes what others hear and see of a session's device, and passes on whether its user speaks, which alone is not
/// kept: then nothing is done in the log.
pub async fn update(
    gateway: &Gateway,
    by: Asker,
    session: SessionId,
    room: RoomId,
    update: CallUpdate,
) -> Result<Option<Done>, Failure> {
    // Who may not even read the room learns nothing of its call.
    let call = gateway.hub.call(by.user, room).await?;
    let done = match (update.kept(), update.speaking) {
        (None, Some(_)) => None,
        (change, _) => {
            let change = change.unwrap_or_default();
            Some(gateway.hub.call_command(by, room, call::Command::Update { session, change }).await?)
        }
    };
    if let Some(speaking) = update.speaking {
        gateway.presence.speak(room, by.user, session, speaking).await?;
    }
    if let Some(call) = call {
        gateway.calls.touch(room, call.call_id);
    }
    Ok(done)
}

/// Gives a session's place in a room's call up. The last one's leaving ends the call.
pub async fn leave(gateway: &Gateway, by: Asker, session: SessionId, room: RoomId) -> Result<Done, Failure> {
    let readable = gateway.hub.call(by.user, room).await;
    if gateway.presence.call_of(session) == Some(room) {
        let done = gateway.hub.call_command(by, room, call::Command::Leave { session }).await?;
        gateway.presence.leave_call(session);
        return readable.map(|_| done);
    }
    readable?;
    gateway.hub.call_command(by, room, call::Command::Leave { session }).await
}

/// Whoever was kicked out of one call may join another at once, though the session's record does not say so yet.
async fn forget_lost_place(gateway: &Gateway, session: SessionId, joins: RoomId) -> Result<(), Failure> {
    if let Some(room) = gateway.presence.call_of(session)
        && room != joins
        && !gateway.hub.is_in_call(room, session).await?
    {
        gateway.presence.leave_call(session);
    }
    Ok(())
}

/// The device was in the call and is not any more.
fn gone() -> Failure {
    Rejection::Conflict("you have lost your place in this call again").into()
}
