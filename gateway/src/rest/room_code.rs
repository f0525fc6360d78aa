//! Codes of rooms and of invites: made, and looked up by those who join.

use voxlog_core::{
    decider::Asker,
    id::RoomId,
    room::{self, InviteId},
};
use voxlog_projections::{ReadModel, invites, rooms};

use super::idempotency::MintedId;
use crate::{
    Gateway,
    error::{Code, Failure},
    hub::Done,
    shapes::{NewInvite, NewRoom},
};

/// Codes that are drawn before a clash counts as impossible.
const DRAWS: usize = 4;

/// What a room, or a way into one, is opened with from now on.
#[derive(Debug)]
pub struct Coded {
    /// What people type.
    pub code: String,
    /// The invite that it is the code of; `None` for a room's own.
    pub invite_id: Option<InviteId>,
}

/// Opens a room under a code that nothing else has, and tells the code. A request that is `once` and comes again gets
/// the room that it opened, with the code of then.
pub async fn open_room(
    gateway: &Gateway,
    by: impl Into<Asker>,
    room: NewRoom,
    once: Option<MintedId>,
) -> Result<(Done, Coded), Failure> {
    let (by, code) = (by.into(), unused(gateway).await);
    let create = room.create(code.clone());
    let Some(MintedId(id)) = once else {
        return Ok((gateway.hub.create_room(by, create).await?, Coded::of_room(code)));
    };
    let id = RoomId::from_uuid(id.as_uuid());
    match gateway.hub.room_command(by, id, create).await {
        Ok(done) => Ok((done, Coded::of_room(code))),
        Err(failure) if failure.code == Code::Conflict => {
            let (done, code) = gateway.hub.opened(id, by.user).await?.ok_or(failure)?;
            Ok((done, Coded::of_room(code)))
        }
        Err(failure) => Err(failure),
    }
}

/// Gives a room a code that nothing else has, and tells it.
pub async fn rotate(gateway: &Gateway, by: impl Into<Asker>, room: RoomId) -> Result<(Done, Coded), Failure> {
    let code = unused(gateway).await;
    let rotate = room::Command::RotateCode { code: code.clone() };
    Ok((gateway.hub.room_command(by, room, rotate).await?, Coded::of_room(code)))
}

/// Makes an invite and tells its code, which no event and no table has. Chance alone makes it one of its own: 78 bits
/// do. A request that is `once` and comes again gets the invite that it made: all of that follows from what it was given.
pub async fn invite(
    gateway: &Gateway,
    by: impl Into<Asker>,
    room: RoomId,
    invite: NewInvite,
    once: Option<MintedId>,
) -> Result<(Done, Coded), Failure> {
    let (code, now) = match once {
        Some(minted) => (room::invite_code(&mut gateway.repeats.bytes(minted)), minted.0.time()),
        None => (room::invite_code(&mut rand::random::<u8>), gateway.clock.now()),
    };
    let create = invite.create(code.clone(), now);
    let done = gateway.hub.room_command(by, room, create).await?;
    Ok((done, Coded { invite_id: Some(InviteId::of(&code)), code }))
}

/// Joins by a room's code or an invite's, however it was typed, or a public room by its id. Only codes need the read
/// model.
pub async fn join(gateway: &Gateway, by: impl Into<Asker>, typed: &str) -> Result<Done, Failure> {
    if let Ok(room) = typed.parse() {
        return gateway.hub.room_command(by, room, room::Command::Join { code: None }).await;
    }
    let code = room::normalize_code(typed);
    let nobodys = || Failure::new(Code::NotFound, "no room has this code, and no invite");
    let room = room_of(&gateway.read, &code).await?.ok_or_else(nobodys)?;
    let joined = gateway.hub.room_command(by, room, room::Command::Join { code: Some(code) }).await;
    // The read model may still know a code that opens nothing any more.
    joined.map_err(|failure| if failure.code == Code::NotFound { nobodys() } else { failure })
}

/// The room that a code, its own or that of an invite, leads to.
async fn room_of(read: &ReadModel, code: &str) -> Result<Option<RoomId>, sqlx::Error> {
    match rooms::room_by_code(read, code).await? {
        Some(room) => Ok(Some(room.id)),
        None => invites::room_by_invite(read, &InviteId::of(code)).await,
    }
}

/// A code that the read model does not know. With PostgreSQL away chance alone must do: of 30^10 codes few are taken.
async fn unused(gateway: &Gateway) -> String {
    let mut code = draw();
    for _ in 1..DRAWS {
        match room_of(&gateway.read, &code).await {
            Ok(Some(_)) => code = draw(),
            Ok(None) | Err(_) => break,
        }
    }
    code
}

impl Coded {
    fn of_room(code: String) -> Self {
        Self { code, invite_id: None }
    }
}

fn draw() -> String {
    room::code(&mut rand::random::<u8>)
}
