//! Deciding about messages: what the state of a room does not know, and the same message sent twice.
//!
//! A room's state has no messages; there is no end of them. The latest are at hand through the ring. Of older ones the
//! read model tells the author and whether they were deleted, at a checkpoint not older than the fence: a deletion
//! moves the fence, so nothing that a decision rests on can be newer.
//!
//! The log knows a repeated id for its window of duplicates only. So an id that its author made longer ago than half
//! of the window, by the id's own time, is first looked for among all messages.

use std::time::Duration;

use voxlog_core::{
    clock::Time,
    decider::Decider,
    envelope::Envelope,
    event::Event,
    id::{MessageId, RoomId, UserId},
    log::Guard,
    message::{self, Command, Draft, Message, Scene},
    position::{Position, Seq},
    room::UNRECORDED_TTL,
};
use voxlog_projections::messages::fact;

use super::{
    Hub,
    execute::{Decision, Proposal, Undertaking, closed},
    pace::LastPost,
};
use crate::error::{Code, Failure};

/// How long a decision waits for the read model to be as new as the fence.
const READ_PATIENCE: Duration = Duration::from_secs(3);

/// What was looked up for a decision, true as of a fence.
struct Looked {
    fence: Seq,
    /// The message that the command is about; `None` when it posts one.
    target: Option<Known>,
    cited: Vec<(MessageId, Message)>,
}

/// A message as far as a decision needs to know it.
struct Known {
    message: Message,
    /// Where it was posted.
    seq: Option<Seq>,
    /// Whether the log keeps it.
    recorded: bool,
}

impl Hub {
    pub(super) async fn decide_message(
        &self,
        undertaking: &Undertaking,
        id: MessageId,
        command: &Command,
    ) -> Result<Decision, Failure> {
        let fence = self.lane(undertaking.room).lock().fence;
        let mut subject = Looked { fence, target: None, cited: Vec::new() };
        if let Command::Post(draft) = command {
            if let Some(seq) = self.already_posted(undertaking, id, fence).await? {
                let time = self.same_as(undertaking, draft, seq).await?;
                return Ok(Decision::Already { seq, time, duplicate: true });
            }
            self.check_rights(undertaking, command)?;
            subject.cited = self.cited(undertaking.room, draft, fence).await?;
        } else {
            self.check_rights(undertaking, command)?;
            subject.target = Some(self.known(undertaking.room, id, fence).await?);
        }
        self.decide_on(undertaking, command, &subject)
    }

    /// Asked before anything is looked up: who may not do it at all waits for nothing, and learns nothing.
    fn check_rights(&self, undertaking: &Undertaking, command: &Command) -> Result<(), Failure> {
        let mut rooms = self.lane(undertaking.room).lock();
        let room = rooms.open(undertaking.room).ok_or_else(closed)?.state();
        Scene { room, cited: &[], last_post: None }.check_rights(undertaking.asked, command)?;
        Ok(())
    }

    fn decide_on(
        &self,
        undertaking: &Undertaking,
        command: &Command,
        Looked { fence, target, cited }: &Looked,
    ) -> Result<Decision, Failure> {
        let mut rooms = self.lane(undertaking.room).lock();
        // What was looked up is as of `fence`. When the fence has moved since, the append is refused for it and all is
        // looked up again.
        let open = rooms.open(undertaking.room).ok_or_else(closed)?;
        let (state, by, head) = (open.state(), undertaking.asked.by, open.heads.msg);
        let scene = Scene { room: state, cited, last_post: open.pace.last(by).map(|post| post.time) };
        // The next post of the same member rests on this one, wherever it is decided.
        let is_paced = matches!(command, Command::Post(_)) && state.slow_mode_s(by).is_some();
        let message = target.as_ref().map_or(Message::Unwritten, |known| known.message);
        let recorded = target.as_ref().map_or(state.message_ttl().is_none(), |known| known.recorded);
        let events = message.decide(scene, undertaking.asked, command)?;
        let proposal = Proposal {
            moves_fence: events.iter().any(message::Event::moves_fence) || is_paced,
            events: events.into_iter().map(Event::from).collect(),
            guard: Guard::Fence(*fence),
            // What happens to a message stays in the log exactly as long as the message does.
            ttl: (!recorded).then_some(UNRECORDED_TTL),
            head,
        };
        Ok(Decision::of(undertaking, proposal))
    }

    /// When the message whose id is in the log at `seq` was posted; a conflict when it is another message.
    pub(super) async fn same_as(&self, undertaking: &Undertaking, draft: &Draft, seq: Seq) -> Result<Time, Failure> {
        match self.event_at(undertaking, seq).await? {
            Some(Envelope { event: Event::Message(original), time, .. })
                if says(&original, undertaking.asked.by, draft) =>
            {
                Ok(time)
            }
            // Out of the log already, with nothing left to compare: what the log knows by its id is taken at its word.
            None if self.has_left(undertaking.room, seq).await? => Ok(undertaking.asked.at),
            _ => Err(Failure::new(Code::Conflict, "another message has this messageId")),
        }
    }

    /// Whether the record at `seq` has outlived its time to live. Otherwise it is there, and of another room.
    async fn has_left(&self, room: RoomId, seq: Seq) -> Result<bool, Failure> {
        Ok(self.log.nothing_left(self.lane(room).partition, Seq(seq.0 - 1), seq).await?)
    }

    async fn event_at(&self, undertaking: &Undertaking, seq: Seq) -> Result<Option<Envelope>, Failure> {
        let recent = {
            let mut rooms = self.lane(undertaking.room).lock();
            rooms.open(undertaking.room).and_then(|open| open.recent_entry(seq))
        };
        let payload = if let Some(entry) = recent {
            Some(entry.event.clone())
        } else {
            let page = self.log.read(undertaking.chain(), Seq(seq.0 - 1), 1, seq).await?;
            page.into_iter().find(|stored| stored.seq == seq).map(|stored| stored.payload)
        };
        payload.map(|payload| Envelope::decode(&payload)).transpose().map_err(|error| Failure::internal(&error))
    }

    /// Where a message of this id was posted, as far as the log itself would not tell.
    async fn already_posted(
        &self,
        &Undertaking { room, asked, .. }: &Undertaking,
        id: MessageId,
        fence: Seq,
    ) -> Result<Option<Seq>, Failure> {
        if let Some(recent) = self.recent(room, id) {
            return Ok(recent.seq);
        }
        if let Some(last) = self.last_post(room, asked.by).filter(|last| last.message == id) {
            return Ok(Some(last.seq));
        }
        let age = (self.clock.now() - id.time()).abs().to_std().unwrap_or(Duration::MAX);
        if age <= self.log.duplicate_window() / 2 {
            return Ok(None);
        }
        let now = self.lane(room).applied().max(fence);
        Ok(self.look_up(room, id, now).await?.seq)
    }

    async fn cited(&self, room: RoomId, draft: &Draft, fence: Seq) -> Result<Vec<(MessageId, Message)>, Failure> {
        let mut cited = Vec::new();
        for id in draft.reply_to.into_iter().chain(draft.thread_root) {
            cited.push((id, self.known(room, id, fence).await?.message));
        }
        Ok(cited)
    }

    async fn known(&self, room: RoomId, id: MessageId, fence: Seq) -> Result<Known, Failure> {
        match self.recent(room, id) {
            Some(recent) => Ok(recent),
            None => self.look_up(room, id, fence).await,
        }
    }

    fn recent(&self, room: RoomId, id: MessageId) -> Option<Known> {
        let mut rooms = self.lane(room).lock();
        let recent = rooms.open(room)?.recent(id)?;
        Some(Known { message: recent.message, seq: Some(recent.seq), recorded: recent.recorded })
    }

    fn last_post(&self, room: RoomId, author: UserId) -> Option<LastPost> {
        self.lane(room).lock().open(room)?.pace.last(author)
    }

    async fn look_up(&self, room: RoomId, id: MessageId, at_least: Seq) -> Result<Known, Failure> {
        let away = || Failure::unavailable("older messages can't be looked up just now");
        let position = Position { partition: self.lane(room).partition, seq: at_least };
        self.read.wait_for(position, READ_PATIENCE).await.map_err(|_| away())?;
        let fact = fact(&self.read, room, id).await.map_err(|_| away())?;
        let Some(fact) = fact else {
            return Ok(Known { message: Message::Unwritten, seq: None, recorded: true });
        };
        let message = if fact.deleted { Message::Deleted } else { Message::Posted { id, author: fact.author } };
        Ok(Known { message, seq: Some(fact.seq), recorded: fact.recorded })
    }
}

/// Whether the event is this draft, posted by this author. Whom it mentions follows from what it says, and from who was a
/// member then.
fn says(event: &message::Event, author: UserId, draft: &Draft) -> bool {
    let message::Event::Posted { message_id, author_id, content, kind, reply_to, thread_root, mentions: _ } = event
    else {
        return false;
    };
    let theirs = (message_id, author_id, content, kind, reply_to, thread_root);
    theirs == (&draft.id, &author, &draft.content, &draft.kind, &draft.reply_to, &draft.thread_root)
}
