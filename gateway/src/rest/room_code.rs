//! Codes of rooms: made for a new one, and looked up by those who join.

use voxlog_core::{
    id::{RoomId, UserId},
    room,
};
use voxlog_projections::rooms;

use crate::{
    Gateway,
    error::{Code, Failure},
    hub::Done,
    protocol::NewRoom,
};

/// Codes that are drawn before a clash counts as impossible.
const DRAWS: usize = 4;

/// Opens a room under a code that no other has, and tells the code.
pub async fn open_room(gateway: &Gateway, by: UserId, room: NewRoom) -> Result<(Done, String), Failure> {
    let code = unused(gateway).await;
    let NewRoom { name, description, max_users, settings } = room;
    let create = room::Command::Create { name, description, code: code.clone(), max_users, settings };
    Ok((gateway.hub.create_room(by, create).await?, code))
}

/// Joins the room of a code, however it was typed. Needs the read model, unlike joining by the room's id.
pub async fn join(gateway: &Gateway, by: UserId, typed: &str) -> Result<Done, Failure> {
    let code = room::normalize_code(typed);
    let room = rooms::room_by_code(&gateway.read, &code).await?.map(|room| room.id).ok_or_else(nobodys)?;
    join_as(gateway, by, room, code).await
}

async fn join_as(gateway: &Gateway, by: UserId, room: RoomId, code: String) -> Result<Done, Failure> {
    gateway.hub.room_command(by, room, room::Command::Join { code: Some(code) }).await
}

fn nobodys() -> Failure {
    Failure::new(Code::NotFound, "no room has this code")
}

/// A code that the read model does not know. With PostgreSQL away chance alone must do: of 30^10 codes few are taken.
async fn unused(gateway: &Gateway) -> String {
    let mut code = draw();
    for _ in 1..DRAWS {
        match rooms::room_by_code(&gateway.read, &code).await {
            Ok(Some(_)) => code = draw(),
            Ok(None) | Err(_) => break,
        }
    }
    code
}

fn draw() -> String {
    room::code(&mut rand::random::<u8>)
}
