//! Messages as they read at a moment.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::{
    clock::Time,
    envelope::Envelope,
    event::Event,
    id::{MessageId, RoomId, UserId},
    log::Stored,
    message::{self, Kind},
    position::{Chain, Class, Seq},
};

use crate::{error::Failure, hub::Hub};

/// Records that are read at once, and at all: what happened to the messages since the first of them was posted stands
/// between them.
const PAGE: usize = 500;
const MAX_RECORDS: usize = 20_000;

/// A message as it read at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastMessage {
    /// Which.
    pub id: MessageId,
    /// Where it was posted.
    pub seq: Seq,
    /// Who wrote it.
    pub author_id: UserId,
    /// What it said; empty when it had been taken back.
    pub content: String,
    /// What kind of content.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The members whom it mentioned, in its order.
    pub mentions: Vec<UserId>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The message whose thread it stands in.
    pub thread_root: Option<MessageId>,
    /// When it was written.
    pub posted_at: Time,
    /// When it had last changed.
    pub edited_at: Option<Time>,
    /// When it had been taken back: it keeps its place.
    pub deleted_at: Option<Time>,
    /// It stood on the room's pins.
    pub pinned: bool,
    /// Its emojis, in the order in which they first came.
    pub reactions: Vec<PastReaction>,
}

/// An emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastReaction {
    /// Which.
    pub emoji: String,
    /// How many gave it.
    pub count: usize,
}

/// A message while its events are taken in.
#[derive(Debug)]
struct Said {
    message: PastMessage,
    reactions: Vec<(String, HashSet<UserId>)>,
}

impl Hub {
    /// The last `limit` messages of a room up to the seq `last`, as they read there, oldest first. Fewer when so much
    /// happened to them since that they lie further back than is read.
    ///
    /// Read backwards to the first of them, then forwards from it: so no more is held than a page, and what is told.
    pub(super) async fn said(&self, room: RoomId, last: Seq, limit: usize) -> Result<Vec<PastMessage>, Failure> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let chain = Chain::Room(room, Class::Msg);
        let (mut said, mut places) = (Vec::<Said>::new(), HashMap::new());
        let mut after = self.before_last_posts(chain, last, limit).await?;
        while after < last {
            let page = self.log.read(chain, after, PAGE, last).await?;
            after = if page.len() < PAGE { last } else { page.last().map_or(last, |stored| stored.seq) };
            for stored in page.iter().take_while(|stored| stored.seq <= last) {
                let Envelope { time, event: Event::Message(event), .. } = read(stored)? else { continue };
                if let Some(new) = Said::posted(stored.seq, time, &event) {
                    places.insert(new.message.id, said.len());
                    said.push(new);
                } else if let Some(place) = places.get(&event.message_id()) {
                    said[*place].take_in(time, event);
                }
            }
        }
        Ok(said.into_iter().map(Said::told).collect())
    }

    /// The seq before the `limit`th last post up to `last`, or before as many records as are read.
    async fn before_last_posts(&self, chain: Chain, last: Seq, limit: usize) -> Result<Seq, Failure> {
        let (mut posts, mut records, mut before) = (0, 0, last.next());
        while records < MAX_RECORDS {
            let page = self.log.read_before(chain, before, PAGE).await?;
            for stored in page.iter().rev() {
                posts += usize::from(matches!(read(stored)?.event, Event::Message(message::Event::Posted { .. })));
                if posts == limit {
                    return Ok(Seq(stored.seq.0 - 1));
                }
            }
            let Some(oldest) = page.first().filter(|_| page.len() == PAGE) else { return Ok(Seq::ZERO) };
            (records, before) = (records + page.len(), oldest.seq);
        }
        Ok(Seq(before.0 - 1))
    }
}

fn read(stored: &Stored) -> Result<Envelope, Failure> {
    Envelope::decode(&stored.payload).map_err(|error| Failure::internal(&error))
}

impl Said {
    fn posted(seq: Seq, posted_at: Time, event: &message::Event) -> Option<Self> {
        let message::Event::Posted { message_id, author_id, content, kind, reply_to, thread_root, mentions } = event
        else {
            return None;
        };
        let message = PastMessage {
            id: *message_id,
            seq,
            author_id: *author_id,
            content: content.clone(),
            kind: *kind,
            mentions: mentions.clone(),
            reply_to: *reply_to,
            thread_root: *thread_root,
            posted_at,
            edited_at: None,
            deleted_at: None,
            pinned: false,
            reactions: Vec::new(),
        };
        Some(Self { message, reactions: Vec::new() })
    }

    /// Nothing happens to a message after its deletion, and what it was is gone with it.
    fn take_in(&mut self, time: Time, event: message::Event) {
        use message::Event as E;
        let message = &mut self.message;
        match event {
            E::Posted { .. } => {}
            E::Edited { content, mentions, .. } => {
                (message.content, message.mentions, message.edited_at) = (content, mentions, Some(time));
            }
            E::Deleted { .. } => {
                (message.content, message.mentions, message.deleted_at) = (String::new(), Vec::new(), Some(time));
                message.pinned = false;
                self.reactions.clear();
            }
            E::Pinned { .. } => message.pinned = true,
            E::Unpinned { .. } => message.pinned = false,
            E::ReactionAdded { user_id, emoji, .. } => self.react(user_id, emoji),
            E::ReactionRemoved { user_id, emoji, .. } => {
                for (_, people) in self.reactions.iter_mut().filter(|(given, _)| *given == emoji) {
                    people.remove(&user_id);
                }
                self.reactions.retain(|(_, people)| !people.is_empty());
            }
        }
    }

    fn react(&mut self, user: UserId, emoji: String) {
        match self.reactions.iter_mut().find(|(given, _)| *given == emoji) {
            Some((_, people)) => {
                people.insert(user);
            }
            None => self.reactions.push((emoji, HashSet::from([user]))),
        }
    }

    fn told(self) -> PastMessage {
        let counted = |(emoji, people): (String, HashSet<UserId>)| PastReaction { emoji, count: people.len() };
        PastMessage { reactions: self.reactions.into_iter().map(counted).collect(), ..self.message }
    }
}
