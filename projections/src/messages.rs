//! What people wrote.
//!
//! A deleted message keeps its row without its content, so that whoever pages sees that something was there. So does a
//! message of a room that does not record: it is delivered live and its record leaves the log by itself, therefore a
//! rebuild may or may not find it, and digests leave such rows out.

use std::collections::BTreeMap;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow, types::Json};
use uuid::Uuid;
use voxlog_core::{
    clock::Time,
    event::Event,
    id::{MessageId, RoomId, UserId},
    message::{Event as MessageEvent, Kind},
    position::Seq,
};

use crate::{
    Page, ReadModel, columns,
    page::one_more,
    projection::{Applied, Projection},
    reactions::Reaction,
    search::terms,
};

/// A message as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Which; unique in its room.
    pub id: MessageId,
    /// Where.
    pub room_id: RoomId,
    /// Its place in the room.
    pub seq: Seq,
    /// Who wrote it.
    pub author_id: UserId,
    /// What people call them; null as long as the users' read model does not have them.
    pub author_name: Option<String>,
    /// What it says now; empty when it is deleted or was not recorded.
    pub content: String,
    /// What kind of content.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The members whom it mentions, in its order.
    pub mentions: Vec<UserId>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The message whose thread it stands in.
    pub thread_root: Option<MessageId>,
    /// Its content was kept.
    pub recorded: bool,
    /// When it was written.
    pub posted_at: Time,
    /// When it last changed.
    pub edited_at: Option<Time>,
    /// When it was taken back.
    pub deleted_at: Option<Time>,
    /// It stands on the room's pins.
    pub pinned: bool,
    /// Its emojis, in the order in which they first came.
    pub reactions: Vec<Reaction>,
}

/// What a decision, or a late retry of a post, needs to know of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFact {
    /// Where it stands in the log, and so where to read what was posted at first.
    pub seq: Seq,
    /// When it was posted.
    pub posted_at: Time,
    /// Who wrote it.
    pub author: UserId,
    /// It was taken back, and its content is gone.
    pub deleted: bool,
    /// It has been edited: `content` is not what was posted at first.
    pub edited: bool,
    /// Its content was kept.
    pub recorded: bool,
    /// What it says now.
    pub content: String,
    /// What kind of content.
    pub kind: Kind,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The message whose thread it stands in.
    pub thread_root: Option<MessageId>,
}

/// The read model of messages.
#[derive(Debug)]
pub struct Messages;

#[async_trait]
impl Projection for Messages {
    fn name(&self) -> &'static str {
        "messages"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["messages"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        let Some(first) = events.first() else { return Ok(()) };
        match &first.envelope.event {
            Event::Message(MessageEvent::Posted { .. }) => post(tx, events).await,
            Event::Message(MessageEvent::Edited { .. }) => edit(tx, events).await,
            Event::Message(MessageEvent::Deleted { .. }) => delete(tx, events).await,
            _ => Ok(()),
        }
    }
}

/// Whether a message is recorded is its room's setting at that point of the log, which stands applied before.
async fn post(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let (rooms, ids) = keys(events);
    let (mut authors, mut contents, mut found_by) = (Vec::new(), Vec::new(), Vec::new());
    let (mut kinds, mut replies, mut threads) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        let Event::Message(MessageEvent::Posted { author_id, content, kind, reply_to, thread_root, .. }) =
            &event.envelope.event
        else {
            continue;
        };
        authors.push(author_id.as_uuid());
        contents.push(columns::text(content));
        found_by.push(terms(content));
        kinds.push(columns::kind(*kind));
        replies.push(reply_to.map(MessageId::as_uuid));
        threads.push(thread_root.map(MessageId::as_uuid));
    }
    let seqs: Vec<_> = events.iter().map(|event| columns::bigint(event.seq)).collect();
    let times: Vec<_> = events.iter().map(|event| event.time()).collect();
    let insert = "INSERT INTO messages
             (room_id, id, seq, author_id, content, kind, reply_to, thread_root, recorded, posted_at, terms)
         SELECT p.room_id, p.id, p.seq, p.author_id, CASE WHEN r.records IS FALSE THEN '' ELSE p.content END,
             p.kind, p.reply_to, p.thread_root, r.records IS NOT FALSE, p.posted_at,
             CASE WHEN r.records IS NOT FALSE THEN p.terms::tsvector END
         FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::uuid[],
             $9::timestamptz[], $10::text[])
             AS p (room_id, id, seq, author_id, content, kind, reply_to, thread_root, posted_at, terms)
         LEFT JOIN rooms AS r ON r.id = p.room_id ORDER BY p.seq ON CONFLICT DO NOTHING";
    let query = sqlx::query(insert).bind(rooms).bind(ids).bind(seqs).bind(authors).bind(contents).bind(kinds);
    query.bind(replies).bind(threads).bind(times).bind(found_by).execute(tx).await?;
    Ok(())
}

/// Of several edits of one message the last one counts; one statement may change a row only once.
async fn edit(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let mut last = BTreeMap::new();
    for event in events {
        if let (Some(room), Event::Message(MessageEvent::Edited { message_id, content, .. })) =
            (event.room(), &event.envelope.event)
        {
            last.insert((room, *message_id), (content, event.time()));
        }
    }
    let rooms: Vec<_> = last.keys().map(|(room, _)| room.as_uuid()).collect();
    let ids: Vec<_> = last.keys().map(|(_, id)| id.as_uuid()).collect();
    let contents: Vec<_> = last.values().map(|(content, _)| columns::text(content)).collect();
    let times: Vec<_> = last.values().map(|(_, time)| *time).collect();
    let found_by: Vec<_> = last.values().map(|(content, _)| terms(content)).collect();
    let update = "UPDATE messages AS m SET content = e.content, edited_at = e.edited_at, terms = e.terms::tsvector
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[])
             AS e (room_id, id, content, edited_at, terms)
         WHERE m.room_id = e.room_id AND m.id = e.id AND m.recorded AND m.deleted_at IS NULL";
    sqlx::query(update).bind(rooms).bind(ids).bind(contents).bind(times).bind(found_by).execute(tx).await?;
    Ok(())
}

async fn delete(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let (rooms, ids) = keys(events);
    let times: Vec<_> = events.iter().map(|event| event.time()).collect();
    let update = "UPDATE messages AS m SET content = '', terms = NULL, deleted_at = d.deleted_at
         FROM UNNEST($1::uuid[], $2::uuid[], $3::timestamptz[]) AS d (room_id, id, deleted_at)
         WHERE m.room_id = d.room_id AND m.id = d.id AND m.deleted_at IS NULL";
    sqlx::query(update).bind(rooms).bind(ids).bind(times).execute(tx).await?;
    Ok(())
}

/// The rooms and the ids of the messages that events are about, side by side. Events of message chains only: others
/// are about no message, and would shift the columns.
pub(crate) fn keys(events: &[&Applied]) -> (Vec<Uuid>, Vec<Uuid>) {
    let key = |event: &&Applied| match (event.room(), &event.envelope.event) {
        (Some(room), Event::Message(fact)) => (room.as_uuid(), fact.message_id().as_uuid()),
        _ => unreachable!("a layer of message events holds nothing else"),
    };
    events.iter().map(key).unzip()
}

/// Messages `m` as [`read`] reads them: some more columns, and what follows `FROM`.
macro_rules! select {
    ($rest:literal) => {
        $crate::messages::select!("", "WHERE ", $rest)
    };
    ($extra:literal, $($rest:expr),+) => {
        concat!(
            "SELECT m.id, m.room_id, m.seq, m.author_id, COALESCE(u.display_name, u.username) AS author_name, m.content, m.kind, m.reply_to, m.thread_root, ",
            "m.recorded, m.posted_at, m.edited_at, m.deleted_at, p.message_id IS NOT NULL AS pinned, ",
            $crate::mentions::mentioned!(),
            " AS mentions, ",
            $crate::reactions::tally!(),
            " AS reactions",
            $extra,
            " FROM messages AS m LEFT JOIN users AS u ON u.id = m.author_id ",
            "LEFT JOIN pins AS p ON p.room_id = m.room_id AND p.message_id = m.id ",
            $($rest),+
        )
    };
}
pub(crate) use select;

/// The four ways to page: from the older end or from the newer, the room or one of its threads.
const UP: &str = select!("m.room_id = $1 AND m.seq > $2 AND m.seq < $3 ORDER BY m.seq LIMIT $4");
const DOWN: &str = select!("m.room_id = $1 AND m.seq > $2 AND m.seq < $3 ORDER BY m.seq DESC LIMIT $4");
const THREAD_UP: &str =
    select!("m.room_id = $1 AND m.seq > $2 AND m.seq < $3 AND m.thread_root = $5 ORDER BY m.seq LIMIT $4");
const THREAD_DOWN: &str =
    select!("m.room_id = $1 AND m.seq > $2 AND m.seq < $3 AND m.thread_root = $5 ORDER BY m.seq DESC LIMIT $4");

/// At most `limit` messages of a room, or of one of its threads without the root, oldest first.
///
/// With `after`, those that follow it, and `next` is the `after` of the page that follows. Otherwise the newest ones,
/// below `before` if it is given, and `next` is the `before` of the page above.
pub async fn page(
    db: &ReadModel,
    room: RoomId,
    before: Option<Seq>,
    after: Option<Seq>,
    thread: Option<MessageId>,
    limit: usize,
) -> Result<Page<Message>, sqlx::Error> {
    let select = match (after, thread) {
        (Some(_), None) => UP,
        (None, None) => DOWN,
        (Some(_), Some(_)) => THREAD_UP,
        (None, Some(_)) => THREAD_DOWN,
    };
    let mut query = sqlx::query(select)
        .bind(room.as_uuid())
        .bind(columns::bigint(after.unwrap_or_default()))
        .bind(before.map_or(i64::MAX, columns::bigint))
        .bind(one_more(limit));
    if let Some(thread) = thread {
        query = query.bind(thread.as_uuid());
    }
    let rows = query.fetch_all(db.pool()).await?;
    let messages = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut page = Page::cut(messages, limit, |message| message.seq.to_string());
    if after.is_none() {
        page.data.reverse();
    }
    Ok(page)
}

/// At most `limit` messages of a room, or of one of its threads without the root, oldest first: those above the newest
/// `skip`. `next` is a `before` for [`page`], which is the way to go far: what is skipped is read all the same.
pub async fn numbered(
    db: &ReadModel,
    room: RoomId,
    thread: Option<MessageId>,
    skip: u32,
    limit: usize,
) -> Result<Page<Message>, sqlx::Error> {
    let skipped = "SELECT seq FROM messages WHERE room_id = $1 AND ($2::uuid IS NULL OR thread_root = $2)
         ORDER BY seq DESC OFFSET $3 LIMIT 1";
    let Some(skip) = skip.checked_sub(1) else { return page(db, room, None, None, thread, limit).await };
    let query = sqlx::query(skipped).bind(room.as_uuid()).bind(thread.map(MessageId::as_uuid)).bind(i64::from(skip));
    match query.fetch_optional(db.pool()).await? {
        Some(row) => page(db, room, Some(columns::seq(&row, "seq")?), None, thread, limit).await,
        None => Ok(Page::cut(Vec::new(), limit, |message: &Message| message.seq.to_string())),
    }
}

/// The message of that id, which many rooms may have used: that of a room which somebody is in before any other, the
/// earliest first.
pub async fn message_for(db: &ReadModel, user: UserId, id: MessageId) -> Result<Option<Message>, sqlx::Error> {
    let select = select!(
        "m.id = $1 ORDER BY EXISTS (SELECT FROM members AS s WHERE s.room_id = m.room_id AND s.user_id = $2) DESC,
             m.posted_at, m.room_id LIMIT 1"
    );
    let query = sqlx::query(select).bind(id.as_uuid()).bind(user.as_uuid());
    query.fetch_optional(db.pool()).await?.as_ref().map(read).transpose()
}

/// A message of a room.
pub async fn message_in(db: &ReadModel, room: RoomId, id: MessageId) -> Result<Option<Message>, sqlx::Error> {
    let query = sqlx::query(select!("m.room_id = $1 AND m.id = $2")).bind(room.as_uuid()).bind(id.as_uuid());
    query.fetch_optional(db.pool()).await?.as_ref().map(read).transpose()
}

/// What decisions need to know of a message of a room.
pub async fn fact(db: &ReadModel, room: RoomId, id: MessageId) -> Result<Option<MessageFact>, sqlx::Error> {
    let select = "SELECT seq, posted_at, author_id, deleted_at IS NOT NULL AS deleted, edited_at IS NOT NULL AS edited,
             recorded, content, kind, reply_to, thread_root FROM messages WHERE room_id = $1 AND id = $2";
    let query = sqlx::query(select).bind(room.as_uuid()).bind(id.as_uuid());
    query.fetch_optional(db.pool()).await?.as_ref().map(read_fact).transpose()
}

/// Reads a row of [`select`].
pub(crate) fn read(row: &PgRow) -> Result<Message, sqlx::Error> {
    let reactions: Json<Vec<Reaction>> = row.try_get("reactions")?;
    Ok(Message {
        id: columns::message(row, "id")?,
        room_id: columns::room(row, "room_id")?,
        seq: columns::seq(row, "seq")?,
        author_id: columns::user(row, "author_id")?,
        author_name: row.try_get("author_name")?,
        content: row.try_get("content")?,
        kind: columns::named(row, "kind")?,
        mentions: row.try_get::<Vec<Uuid>, _>("mentions")?.into_iter().map(UserId::from_uuid).collect(),
        reply_to: columns::maybe_message(row, "reply_to")?,
        thread_root: columns::maybe_message(row, "thread_root")?,
        recorded: row.try_get("recorded")?,
        posted_at: row.try_get("posted_at")?,
        edited_at: row.try_get("edited_at")?,
        deleted_at: row.try_get("deleted_at")?,
        pinned: row.try_get("pinned")?,
        reactions: reactions.0,
    })
}

fn read_fact(row: &PgRow) -> Result<MessageFact, sqlx::Error> {
    Ok(MessageFact {
        seq: columns::seq(row, "seq")?,
        posted_at: row.try_get("posted_at")?,
        author: columns::user(row, "author_id")?,
        deleted: row.try_get("deleted")?,
        edited: row.try_get("edited")?,
        recorded: row.try_get("recorded")?,
        content: row.try_get("content")?,
        kind: columns::named(row, "kind")?,
        reply_to: columns::maybe_message(row, "reply_to")?,
        thread_root: columns::maybe_message(row, "thread_root")?,
    })
}
