//! Command → decide → append, again when the fence has moved.
//!
//! A decision is made under the lane's lock, on a state that is exact at fence `F`, and appended under `F`. When the
//! log refuses, something that may change the decision has happened: the node follows beyond it and decides again.
//! Nothing here promises an order between commands; a session keeps one in flight per room, which does.

use std::{sync::Arc, time::Duration};

use voxlog_core::{
    call,
    clock::{Clock, Time},
    decider::{Asked, Asker, Decider},
    envelope::Envelope,
    event::{Event, Subject},
    id::{CorrelationId, EventId, MessageId, RoomId},
    log::{AppendError, Appended, Commit, Guard, Record},
    message,
    position::{Chain, Class, Position, Seq},
    room,
};

use super::{Done, Hub};
use crate::error::{Code, Failure};

/// How often a command is decided again before the room counts as changing too fast.
pub(super) const ATTEMPTS: usize = 32;

/// How often what is appended under the fence is tried while others on this node move it. Then they wait for it.
pub(super) const FREE_ATTEMPTS: usize = 3;

/// One command on its way, the same through all its attempts.
#[derive(Debug)]
pub(super) struct Undertaking {
    pub(super) asked: Asked,
    pub(super) room: RoomId,
    pub(super) ask: Ask,
    /// The events' ids, as many as were needed: a second attempt can't store an event a second time.
    ids: Vec<EventId>,
    correlation: CorrelationId,
}

/// What is asked for.
#[derive(Debug)]
pub(super) enum Ask {
    Room(room::Command),
    Message(MessageId, message::Command),
    Call(call::Command),
}

/// What a decision came to.
pub(super) enum Decision {
    /// This goes to the log.
    Append(Proposal),
    /// The wish is true already.
    Already { seq: Seq, time: Time, duplicate: bool },
}

/// Events of one chain, and what must still be so when they land, all of them or none.
pub(super) struct Proposal {
    /// At least one.
    pub(super) events: Vec<Event>,
    pub(super) guard: Guard,
    pub(super) ttl: Option<Duration>,
    pub(super) moves_fence: bool,
    /// Where the chain ended at the decision.
    pub(super) head: Seq,
}

impl Hub {
    /// Opens a new room, owned by `by`. Its id is minted here.
    pub async fn create_room(self: &Arc<Self>, by: impl Into<Asker>, command: room::Command) -> Result<Done, Failure> {
        self.room_command(by, RoomId::mint(&*self.clock), command).await
    }

    /// Carries out a command about a room or its members. When it answers, this node has applied it.
    pub async fn room_command(
        self: &Arc<Self>,
        by: impl Into<Asker>,
        room: RoomId,
        command: room::Command,
    ) -> Result<Done, Failure> {
        let id = EventId::mint(&*self.clock);
        self.carry_out(self.undertaking(by, room, id, Ask::Room(command))).await
    }

    /// Carries out a command about a message. When it answers, this node has applied it.
    pub async fn message_command(
        self: &Arc<Self>,
        by: impl Into<Asker>,
        room: RoomId,
        message: MessageId,
        command: message::Command,
    ) -> Result<Done, Failure> {
        let posts = matches!(command, message::Command::Post(_));
        let id = if posts { message.into() } else { EventId::mint(&*self.clock) };
        self.carry_out(self.undertaking(by, room, id, Ask::Message(message, command))).await
    }

    pub(super) fn undertaking(&self, by: impl Into<Asker>, room: RoomId, id: EventId, ask: Ask) -> Undertaking {
        let asked = by.into().at(self.clock.now());
        Undertaking { asked, room, ask, ids: vec![id], correlation: CorrelationId::mint(&*self.clock) }
    }

    pub(super) async fn carry_out(self: &Arc<Self>, mut undertaking: Undertaking) -> Result<Done, Failure> {
        let mut turn = None;
        for attempt in 0..ATTEMPTS {
            self.open(undertaking.room).await?;
            if attempt == FREE_ATTEMPTS && undertaking.is_fenced() {
                // A turn of its own is one of those that a calm waits for.
                drop(turn.take());
                turn = Some(self.lane(undertaking.room).calm().await?);
            }
            let proposal = match self.decide(&undertaking).await? {
                Decision::Already { seq, time, duplicate } => {
                    return Ok(self.done(&undertaking, seq, time, duplicate));
                }
                Decision::Append(proposal) => proposal,
            };
            if proposal.moves_fence && turn.is_none() {
                // Those whose turn it is before may change the answer, so it is decided again.
                turn = Some(self.lane(undertaking.room).turn(undertaking.room).await?);
                continue;
            }
            let (head, markers) = (proposal.head, u64::from(proposal.moves_fence));
            let behind = proposal.events.len() as u64 - 1;
            match self.append(&mut undertaking, proposal).await {
                Ok(Appended { seq: first, duplicate }) => {
                    // It is in the log, so it is done, though this node may not have seen it yet.
                    let appended = Appended { seq: Seq(first.0 + behind), duplicate };
                    // What was there before has no marker of this attempt behind it.
                    let end = if duplicate { appended.seq } else { Seq(appended.seq.0 + markers) };
                    if let Err(behind) = self.lane(undertaking.room).reach(end).await {
                        tracing::warn!(detail = %behind.detail, "an appended event is not followed yet");
                    }
                    return self.answer(&undertaking, appended).await.map_err(unknown_if_away);
                }
                Err(AppendError::Conflict { seen, unsettled }) => {
                    metrics::counter!("voxlog_append_conflicts_total").increment(1);
                    let settled = |failure| if unsettled { unknown_if_away(failure) } else { failure };
                    self.lane(undertaking.room).reach(seen).await.map_err(settled)?;
                    if unsettled && let Some(done) = self.find(&undertaking, head, behind).await.map_err(settled)? {
                        return Ok(done);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::contended())
    }

    async fn decide(self: &Arc<Self>, undertaking: &Undertaking) -> Result<Decision, Failure> {
        match &undertaking.ask {
            Ask::Room(command) => self.decide_room(undertaking, command),
            Ask::Message(id, command) => self.decide_message(undertaking, *id, command).await,
            Ask::Call(command) => self.decide_call(undertaking, command),
        }
    }

    fn decide_room(&self, undertaking: &Undertaking, command: &room::Command) -> Result<Decision, Failure> {
        let mut rooms = self.lane(undertaking.room).lock();
        let open = rooms.open(undertaking.room).ok_or_else(closed)?;
        let head = open.heads.ctl;
        let events = open.state().decide((), undertaking.asked, command)?;
        let proposal = Proposal {
            events: events.into_iter().map(Event::from).collect(),
            guard: Guard::Chain(head),
            ttl: None,
            moves_fence: true,
            head,
        };
        Ok(Decision::of(undertaking, proposal))
    }

    async fn append(&self, undertaking: &mut Undertaking, proposal: Proposal) -> Result<Appended, AppendError> {
        let Proposal { events, guard, ttl, moves_fence, head: _ } = proposal;
        let mut records = undertaking.records(events, ttl, &*self.clock);
        match (guard, records.as_slice()) {
            (Guard::Fence(fence), [_]) if !moves_fence => self.log.append(records.remove(0), fence).await,
            _ => {
                let marker = moves_fence.then_some(undertaking.room);
                self.log.commit(Commit { records, guard, marker }).await
            }
        }
    }

    async fn answer(&self, undertaking: &Undertaking, appended: Appended) -> Result<Done, Failure> {
        let Appended { seq, duplicate } = appended;
        let time = match &undertaking.ask {
            Ask::Message(_, message::Command::Post(draft)) if duplicate => {
                self.same_as(undertaking, draft, seq).await?
            }
            _ => undertaking.asked.at,
        };
        Ok(self.done(undertaking, seq, time, duplicate))
    }

    /// A try of an append had no answer and a later one was refused: whether the first one landed stands in the chain,
    /// which this node has followed beyond the refusal. It stands after `after`, the chain's end at the decision, and
    /// what does not stand there now never will: its guard is gone.
    /// `behind` more events of the attempt follow the first one.
    async fn find(&self, undertaking: &Undertaking, after: Seq, behind: u64) -> Result<Option<Done>, Failure> {
        const PAGE: usize = 500;
        let (chain, known) = (undertaking.chain(), self.lane(undertaking.room).applied());
        let mut after = after;
        loop {
            let page = self.log.read(chain, after, PAGE, known).await?;
            for stored in &page {
                if Envelope::decode(&stored.payload).is_ok_and(|envelope| envelope.id == undertaking.ids[0]) {
                    // Perhaps from somebody else's attempt under the same message id, so it is compared as such.
                    let appended = Appended { seq: Seq(stored.seq.0 + behind), duplicate: true };
                    return self.answer(undertaking, appended).await.map(Some);
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = last.seq,
                _ => return Ok(None),
            }
        }
    }

    fn done(&self, undertaking: &Undertaking, seq: Seq, time: Time, duplicate: bool) -> Done {
        let &Undertaking { room, asked: Asked { by, .. }, .. } = undertaking;
        let joins = matches!(undertaking.ask, Ask::Room(room::Command::Join { .. }));
        let lane = self.lane(room);
        let waits = || {
            let mut rooms = lane.lock();
            let interior = rooms.open(room).and_then(|open| open.state().interior());
            interior.is_some_and(|interior| interior.requests.contains_key(&by))
        };
        let position = Position { partition: lane.partition, seq };
        Done { room, position, time, duplicate, requested: joins && waits() }
    }
}

impl Undertaking {
    pub(super) fn chain(&self) -> Chain {
        let class = match self.ask {
            Ask::Room(_) => Class::Ctl,
            Ask::Message(..) => Class::Msg,
            Ask::Call(_) => Class::Call,
        };
        Chain::Room(self.room, class)
    }

    /// The events as they go to the log: the same ids in every attempt.
    fn records(&mut self, events: Vec<Event>, ttl: Option<Duration>, clock: &dyn Clock) -> Vec<Record> {
        self.ids.resize_with(self.ids.len().max(events.len()), || EventId::mint(clock));
        let &mut Self { asked, room, correlation, ref ids, .. } = self;
        let chain = self.chain();
        let envelopes = events.into_iter().zip(ids).map(|(event, &id)| Envelope {
            id,
            subject: Subject::Room(room),
            time: asked.at,
            actor: asked.by,
            correlation,
            causation: None,
            event,
        });
        envelopes.map(|envelope| Record { id: envelope.id, chain, payload: envelope.encode(), ttl }).collect()
    }

    /// Whether whatever moves the partition's fence is in its way. What is about a room as such rests on its chain.
    const fn is_fenced(&self) -> bool {
        matches!(self.ask, Ask::Message(..) | Ask::Call(_))
    }
}

impl Decision {
    /// What is proposed; without events the wish is true already.
    pub(super) fn of(undertaking: &Undertaking, proposal: Proposal) -> Self {
        if proposal.events.is_empty() {
            return Self::Already { seq: proposal.head, time: undertaking.asked.at, duplicate: false };
        }
        Self::Append(proposal)
    }
}

/// Once the log may have taken something, that a part is away is no answer to whether it did.
fn unknown_if_away(failure: Failure) -> Failure {
    if failure.code == Code::Unavailable { Failure::outcome_unknown() } else { failure }
}

/// The room left memory between being opened and being used.
pub(super) fn closed() -> Failure {
    Failure::unavailable("the room was closed meanwhile, try again")
}
