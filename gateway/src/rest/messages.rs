//! Messages: writing, reading, editing and deleting them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use voxlog_core::{
    id::{MessageId, RoomId, UserId},
    message::{Command, Draft, Kind},
};
use voxlog_projections::{
    Page,
    messages::{self, Message},
};

use super::{
    Problem,
    extract::{At, Body, Fresh, Params},
    members::role_in,
    paging,
    written::Written,
};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Caller,
};

pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/messages", post(write))
        .route("/messages/{id}", get(one).patch(edit).delete(delete))
        .route("/rooms/{id}/messages", get(list))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Posting {
    room_id: RoomId,
    content: String,
    #[serde(default, rename = "type")]
    kind: Kind,
    file_id: Option<String>,
    reply_to: Option<MessageId>,
    thread_root: Option<MessageId>,
    message_id: Option<MessageId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    before: Option<String>,
    after: Option<String>,
    thread: Option<MessageId>,
    limit: Option<u32>,
}

/// 201 for a new message, 200 for one that was there under this id already.
async fn write(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Body(posting): Body<Posting>,
) -> Result<(StatusCode, Json<Written>), Problem> {
    if posting.file_id.is_some() {
        return Err(Failure::new(Code::Unsupported, "files come with a later version").into());
    }
    let Posting { room_id, content, kind, reply_to, thread_root, message_id, .. } = posting;
    let id = message_id.unwrap_or_else(|| MessageId::mint(&*gateway.clock));
    let draft = Draft { id, content, kind, reply_to, thread_root };
    let done = gateway.hub.message_command(caller.user, room_id, id, Command::Post(draft)).await?;
    let status = if done.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(Written::of_message(&done, id))))
}

async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(room): At<RoomId>,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<Message>>, Problem> {
    let Listing { before, after, thread, limit } = listing;
    if before.is_some() && after.is_some() {
        return Err(Failure::invalid("before", "can't be given together with after").into());
    }
    let (before, after) = (paging::seq("before", before.as_deref())?, paging::seq("after", after.as_deref())?);
    let limit = paging::limit(limit)?;
    role_in(&gateway, room, caller.user).await?;
    Ok(Json(messages::page(&gateway.read, room, before, after, thread, limit).await?))
}

async fn one(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<MessageId>,
    _: Fresh,
) -> Result<Json<Message>, Problem> {
    Ok(Json(visible(&gateway, caller.user, id).await?))
}

async fn edit(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<MessageId>,
    _: Fresh,
    Body(Edit { content }): Body<Edit>,
) -> Result<Json<Written>, Problem> {
    command(&gateway, caller, id, Command::Edit { content }).await
}

async fn delete(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<MessageId>,
    _: Fresh,
) -> Result<Json<Written>, Problem> {
    command(&gateway, caller, id, Command::Delete).await
}

/// Carries out a command about a message whose room the request does not name.
pub(super) async fn command(
    gateway: &Gateway,
    caller: Caller,
    id: MessageId,
    command: Command,
) -> Result<Json<Written>, Problem> {
    let room = visible(gateway, caller.user, id).await?.room_id;
    let done = gateway.hub.message_command(caller.user, room, id, command).await?;
    Ok(Json(Written::of_message(&done, id)))
}

/// The message of that id in a room that the user is in. Two rooms may have used one id; that of a room that the user
/// does not see is as if it were not.
async fn visible(gateway: &Gateway, user: UserId, id: MessageId) -> Result<Message, Failure> {
    for message in messages::message(&gateway.read, id).await? {
        if gateway.hub.role(message.room_id, user).await?.is_some() {
            return Ok(message);
        }
    }
    Err(Failure::new(Code::NotFound, "there is no such message"))
}
