//! Codes of rooms and of invites: made, and looked up by those who join.

use voxlog_core::{decider::Asker, id::RoomId, room};
use voxlog_projections::{ReadModel, invites, rooms};

use crate::{
    Gateway,
    error::{Code, Failure},
    hub::Done,
    shapes::{NewInvite, NewRoom},
};

/// Codes that are drawn before a clash counts as impossible.
const DRAWS: usize = 4;

/// Opens a room under a code that nothing else has, and tells the code.
pub async fn open_room(gateway: &Gateway, by: impl Into<Asker>, room: NewRoom) -> Result<(Done, String), Failure> {
    let code = unused(gateway).await;
    Ok((gateway.hub.create_room(by, room.create(code.clone())).await?, code))
}

/// Gives a room a code that nothing else has, and tells it.
pub async fn rotate(gateway: &Gateway, by: impl Into<Asker>, room: RoomId) -> Result<(Done, String), Failure> {
    let code = unused(gateway).await;
    let rotate = room::Command::RotateCode { code: code.clone() };
    Ok((gateway.hub.room_command(by, room, rotate).await?, code))
}

/// Makes an invite under a code that nothing else has, and tells it.
pub async fn invite(
    gateway: &Gateway,
    by: impl Into<Asker>,
    room: RoomId,
    invite: NewInvite,
) -> Result<(Done, String), Failure> {
    let code = unused(gateway).await;
    let create = invite.create(code.clone(), gateway.clock.now());
    Ok((gateway.hub.room_command(by, room, create).await?, code))
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
        None => invites::room_by_invite(read, code).await,
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

fn draw() -> String {
    room::code(&mut rand::random::<u8>)
}
