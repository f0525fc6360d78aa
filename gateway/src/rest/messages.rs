//! Messages: writing, reading, editing and deleting them.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use schemars::JsonSchema;
use serde::Deserialize;
use voxlog_core::{
    id::{MessageId, RoomId, UserId},
    message::{Command, Kind, MAX_CONTENT_CHARS},
};
use voxlog_projections::{
    Page,
    messages::{self, Message},
};

use super::{
    Problem,
    extract::{At, Body, Fresh, Params},
    idempotency::MintedId,
    openapi::{Route, route},
    paging, refused,
    written::{Posted, Written},
};
use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Caller,
    shapes,
};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![
        route!(write, refused::WRITING),
        route!(one, refused::IN_ROOM),
        route!(edit, refused::OF_MESSAGE),
        route!(delete, refused::OF_MESSAGE),
        route!(list, refused::IN_ROOM),
    ]
}

/// A message to write, and where.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewMessage {
    /// Which room.
    room_id: RoomId,
    /// What it says. `<@USER-ID>` mentions a member.
    #[schemars(length(min = 1, max = MAX_CONTENT_CHARS))]
    content: String,
    /// What kind of content; `text` unless it is said.
    #[serde(rename = "type")]
    kind: Option<Kind>,
    /// Comes with a later version; until then it must be absent.
    file_id: Option<String>,
    /// The message that it answers.
    reply_to: Option<MessageId>,
    /// The message in whose thread it stands.
    thread_root: Option<MessageId>,
    /// Its name, if you choose one; by it a repetition is known.
    message_id: Option<MessageId>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Messages before this seq.
    before: Option<String>,
    /// Messages after this seq.
    after: Option<String>,
    /// Only those in the thread of this message.
    thread: Option<MessageId>,
    /// The number of the page, from 1 for the newest, instead of `before` or `after`.
    #[schemars(range(min = 1, max = paging::MAX_PAGE))]
    page: Option<u32>,
    /// Rows of a page; 50 unless it is said.
    #[schemars(range(min = 1, max = paging::MAX_ROWS))]
    limit: Option<u32>,
}

/// Writes a message.
///
/// 201 for a new one, 200 for one that was there under this id already.
#[utoipa::path(post, path = "/messages", operation_id = "sendMessage", tag = "messages")]
async fn write(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    minted: Option<Extension<MintedId>>,
    Body(posting): Body<NewMessage>,
) -> Result<Posted, Problem> {
    let NewMessage { room_id, content, kind, file_id, reply_to, thread_root, message_id } = posting;
    if file_id.is_some() {
        return Err(Failure::new(Code::Unsupported, "files come with a later version").into());
    }
    let posting = shapes::Posting { content, kind, reply_to, thread_root, message_id, attachments: None };
    let draft = posting.draft(|| minted.map_or_else(|| MessageId::mint(&*gateway.clock), |Extension(MintedId(id))| id));
    let id = draft.id;
    let done = gateway.hub.message_command(caller, room_id, id, Command::Post(draft)).await?;
    Ok(Posted(Written::of_message(&done, id)))
}

/// Lists a room's messages, oldest first: the newest ones, or those before or after a seq.
#[utoipa::path(get, path = "/rooms/{id}/messages", operation_id = "listMessages", tag = "messages")]
async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(room): At<RoomId>,
    Params(listing): Params<Listing>,
    _: Fresh,
) -> Result<Json<Page<Message>>, Problem> {
    let Listing { before, after, thread, page, limit } = listing;
    if before.is_some() && after.is_some() {
        return Err(Failure::invalid("before", "can't be given together with after").into());
    }
    if page.is_some() && (before.is_some() || after.is_some()) {
        return Err(Failure::invalid("page", "can't be given together with before or after").into());
    }
    let (before, after) = (paging::seq("before", before.as_deref())?, paging::seq("after", after.as_deref())?);
    let limit = paging::limit(limit)?;
    let skip = page.map(|page| paging::skipped(page, limit)).transpose()?;
    gateway.hub.seat(room, caller.user).await?;
    Ok(Json(match skip {
        Some(skip) => messages::numbered(&gateway.read, room, thread, skip, limit).await?,
        None => messages::page(&gateway.read, room, before, after, thread, limit).await?,
    }))
}

/// Reads a message.
#[utoipa::path(get, path = "/messages/{id}", operation_id = "getMessage", tag = "messages")]
async fn one(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<MessageId>,
    _: Fresh,
) -> Result<Json<Message>, Problem> {
    let message = of_id(&gateway, caller.user, id).await?;
    gateway.hub.seat(message.room_id, caller.user).await?;
    Ok(Json(message))
}

/// Changes what a message says. Its author's right.
#[utoipa::path(patch, path = "/messages/{id}", operation_id = "editMessage", tag = "messages")]
async fn edit(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(id): At<MessageId>,
    _: Fresh,
    Body(edit): Body<shapes::Edit>,
) -> Result<Json<Written>, Problem> {
    command(&gateway, caller, id, edit.into()).await
}

/// Takes a message back. The right of its author, of admins and the owner.
#[utoipa::path(delete, path = "/messages/{id}", operation_id = "deleteMessage", tag = "messages")]
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
    let room = of_id(gateway, caller.user, id).await?.room_id;
    let done = gateway.hub.message_command(caller, room, id, command).await?;
    Ok(Json(Written::of_message(&done, id)))
}

/// The message of that id, whoever may read it: what the user may do with it, the room itself decides.
async fn of_id(gateway: &Gateway, user: UserId, id: MessageId) -> Result<Message, Failure> {
    let nowhere = || Failure::new(Code::NotFound, "there is no such message");
    messages::message_for(&gateway.read, user, id).await?.ok_or_else(nowhere)
}
