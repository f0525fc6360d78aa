//! One connection as a pure state machine: no IO, no clock, no task.
//!
//! The loop around it ([`socket`](crate::socket)) tells it what came and what time it is, then carries out what
//! [`Session::next_effect`] gives, in that order. The session promises:
//! * Nothing runs before a `hello` has been let in, nor after the token has expired, nor beyond its scopes. Some time
//!   before it expires the client is asked for another.
//! * What a client asks of one room happens one after the other, in the order in which it asked, whatever is refused
//!   or retried on the way. Rooms do not wait for each other.
//! * Every frame gets exactly one answer, unless the socket closes first.
//! * What is under way and what stands in line are bounded, and so is the rate.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

use voxlog_core::{
    clock::Time,
    id::{RoomId, SessionId},
};

use crate::{
    close::Close,
    config::{Config, Limits},
    error::{Code, Failure},
    identity::{Caller, Secret},
    protocol::{Ack, BadFrame, ClientFrame, Command, FrameId, Request, ServerFrame, reply::millis},
};

mod bucket;
mod effect;
mod lease;
mod lines;
mod pulse;
mod scoped;
#[cfg(test)]
mod tests;

pub use effect::{Answer, Effect, NotLetIn, Work};
pub use lines::Line;

use bucket::Bucket;
use lease::Lease;
use lines::Lines;
use pulse::Pulse;

/// How long a client may take for its first successful `hello`.
pub const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// How long what is under way may take once the session must end.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// What may stand in line, unless the limits allow larger bursts.
const MIN_LINE: usize = 64;

/// The time, as a session is told it.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For spans.
    pub instant: Instant,
    /// For what is written in tokens.
    pub time: Time,
}

/// One connection's state.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    limits: Limits,
    phase: Phase,
    bucket: Bucket,
    pulse: Pulse,
    lines: Lines,
    /// Rooms whose events the client gets.
    open: HashSet<RoomId>,
    /// Rooms beside these that it will get if they may be read.
    opening: HashSet<RoomId>,
    effects: VecDeque<Effect>,
}

#[derive(Debug)]
enum Phase {
    /// Nobody yet. The upgrade may have brought a token along.
    Greeting { until: Instant, offered: Option<Secret> },
    /// Somebody, for as long as their token lasts.
    Open(Lease),
    /// Nothing new is taken; it closes when nothing is under way any more.
    Draining { close: Close, until: Instant, who: Option<Caller> },
    /// The end.
    Closed,
}

impl Session {
    /// A connection that was just made. `offered` is the token of the upgrade's `Authorization`, if it had one.
    pub fn new(id: SessionId, config: &Config, offered: Option<Secret>, now: Now) -> Self {
        Self {
            id,
            limits: config.limits,
            phase: Phase::Greeting { until: now.instant + HELLO_WITHIN, offered },
            bucket: Bucket::new(&config.limits, now.instant),
            pulse: Pulse::new(config.heartbeat, now.instant),
            lines: Lines::default(),
            open: HashSet::new(),
            opening: HashSet::new(),
            effects: VecDeque::new(),
        }
    }

    /// The next thing to do; `None` until something else has come.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// A frame has come, or something that is none.
    pub fn frame(&mut self, frame: Result<ClientFrame, BadFrame>, now: Now) {
        self.pulse.heard();
        self.look_at_expiry(now);
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        let cost = match &frame {
            Ok(ClientFrame { request: Request::Command(_), .. }) => bucket::COMMAND,
            _ => bucket::FRAME,
        };
        let paid = self.bucket.take(cost, now.instant);
        match (frame, paid) {
            (Ok(frame), Ok(())) => self.accept(frame),
            (Err(bad), Ok(())) => self.send(bad.into()),
            (frame, Err(wait)) => self.refuse(id_of(frame), too_fast(wait)),
        }
    }

    /// The client has shown in another way that it is there: by a pong, or by taking what could not be written before.
    pub fn alive(&mut self) {
        self.pulse.heard();
    }

    /// What came of [`Effect::Authenticate`].
    pub fn authenticated(&mut self, id: FrameId, outcome: Result<Caller, NotLetIn>, now: Now) {
        match (outcome, &self.phase) {
            (_, Phase::Closed | Phase::Draining { .. }) => {}
            (Err(NotLetIn::Refused(failure)), _) => self.refuse(Some(id), failure),
            (Err(NotLetIn::Crowded), _) => {
                self.refuse(Some(id), Failure::new(Code::RateLimited, "you have too many sockets open"));
                self.close(Close::TooManySockets);
            }
            (Ok(who), Phase::Open(lease)) if who.user != lease.who.user => {
                self.refuse(Some(id), Failure::new(Code::Forbidden, "a connection stays with its user"));
            }
            (Ok(who), Phase::Open(_) | Phase::Greeting { .. }) => self.welcome(id, who, now),
        }
    }

    /// Whose connection this is, since their last `hello`.
    pub fn who(&self) -> Option<&Caller> {
        match &self.phase {
            Phase::Open(lease) => Some(&lease.who),
            Phase::Draining { who, .. } => who.as_ref(),
            Phase::Greeting { .. } | Phase::Closed => None,
        }
    }

    /// What came of [`Effect::Run`].
    pub fn completed(&mut self, line: Line, id: FrameId, outcome: Result<Answer, Failure>) {
        if let Line::Room(room) = line {
            self.opening.remove(&room);
        }
        match outcome {
            Ok(answer) => self.answer(line, id, answer),
            Err(failure) => self.refuse(Some(id), failure),
        }
        if let Some((id, work)) = self.lines.leave(line) {
            self.start(line, id, work);
        }
        self.close_if_drained();
    }

    /// A subscription has ended without the client's asking.
    pub fn ended(&mut self, room: RoomId, failure: Failure) {
        if self.open.remove(&room) {
            self.send(ServerFrame::ended(room, failure));
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Now) {
        self.look_at_expiry(now);
        self.ask_for_token(now);
        match self.phase {
            Phase::Greeting { until, .. } if now.instant >= until => self.close(Close::MissedHello),
            Phase::Draining { close, until, .. } if now.instant >= until => self.close(close),
            Phase::Open(_) if self.pulse.is_due(now.instant) => {
                if self.pulse.beat(now.instant) {
                    self.effects.push_back(Effect::Beat);
                } else {
                    self.close(Close::Silent);
                }
            }
            _ => {}
        }
    }

    /// When [`Self::tick`] is due if nothing happens before.
    pub fn wake_at(&self, now: Now) -> Option<Instant> {
        match &self.phase {
            Phase::Greeting { until, .. } | Phase::Draining { until, .. } => Some(*until),
            Phase::Open(lease) => {
                let left = |due: Time| (due - now.time).to_std().unwrap_or_default().max(Duration::from_millis(1));
                let due = lease.due().map_or(self.pulse.next(), |due| now.instant + left(due));
                Some(self.pulse.next().min(due))
            }
            Phase::Closed => None,
        }
    }

    /// Takes nothing new, lets what is under way end, then closes. What stands in line is told that it was not done.
    pub fn drain(&mut self, close: Close, reconnect_after: Duration, now: Now) {
        if matches!(self.phase, Phase::Draining { .. } | Phase::Closed) {
            return;
        }
        let who = self.who().copied();
        self.phase = Phase::Draining { close, until: now.instant + DRAIN_WITHIN, who };
        self.send(ServerFrame::closing(close, reconnect_after));
        for id in self.lines.give_up() {
            self.refuse(Some(id), going());
        }
        self.close_if_drained();
    }

    /// Closes at once.
    pub fn close(&mut self, close: Close) {
        if !matches!(self.phase, Phase::Closed) {
            self.phase = Phase::Closed;
            self.effects.push_back(Effect::Close(close));
        }
    }

    fn accept(&mut self, ClientFrame { id, request }: ClientFrame) {
        match (request, &mut self.phase) {
            (_, Phase::Closed) => {}
            (_, Phase::Draining { .. }) => self.refuse(Some(id), going()),
            (Request::Hello { token }, Phase::Greeting { offered, .. }) => match token.or_else(|| offered.take()) {
                Some(token) => self.effects.push_back(Effect::Authenticate { id, token }),
                None => self.refuse(Some(id), Failure::new(Code::Unauthenticated, "there is no token")),
            },
            (_, Phase::Greeting { .. }) => {
                self.refuse(Some(id), Failure::new(Code::Unauthenticated, "the first frame is hello"));
                self.close(Close::MissedHello);
            }
            (Request::Hello { token: Some(token) }, Phase::Open(_)) => {
                self.effects.push_back(Effect::Authenticate { id, token });
            }
            (Request::Hello { token: None }, Phase::Open(_)) => {
                self.refuse(Some(id), Failure::invalid("token", "is missing"));
            }
            (request, Phase::Open(lease)) if let Err(failure) = scoped::check(&lease.who, &request) => {
                self.refuse(Some(id), failure);
            }
            (Request::Ping, Phase::Open(_)) => self.send(ServerFrame::Pong { id }),
            (Request::Subscribe { room, cursor }, Phase::Open(_)) => {
                self.line_up(Line::Room(room), id, Work::Subscribe(room, cursor));
            }
            (Request::Unsubscribe { room }, Phase::Open(_)) => {
                self.line_up(Line::Room(room), id, Work::Unsubscribe(room));
            }
            (Request::History { room, class, after, before, limit }, Phase::Open(_)) => {
                self.line_up(Line::Room(room), id, Work::History { room, class, after, before, limit });
            }
            (Request::Command(command), Phase::Open(_)) => {
                self.line_up(line_of(&command), id, Work::Command(command));
            }
        }
    }

    fn line_up(&mut self, line: Line, id: FrameId, work: Work) {
        let bound = MIN_LINE.max(usize::try_from(self.limits.commands_burst).unwrap_or(usize::MAX));
        // Every room that it may have open can have something under way at once, and no more rooms than that.
        let under_way = self.limits.rooms_per_socket.max(bound);
        if self.lines.waiting() >= bound || self.lines.under_way() >= under_way {
            self.refuse(Some(id), too_fast(Duration::from_secs(1)));
        } else if let Some((id, work)) = self.lines.join(line, id, work) {
            self.start(line, id, work);
        }
    }

    /// Starts what is at the head of a line, and what follows it for as long as that is over at once.
    fn start(&mut self, line: Line, mut id: FrameId, mut work: Work) {
        let Phase::Open(Lease { who, .. }) = self.phase else { return };
        while let Some(answer) = self.settle_at_once(&id, &work) {
            self.send(answer);
            match self.lines.leave(line) {
                Some(next) => (id, work) = next,
                None => return,
            }
        }
        self.effects.push_back(Effect::Run { line, id, asker: who.into(), work });
    }

    /// The answer to what needs no one else.
    fn settle_at_once(&mut self, id: &FrameId, work: &Work) -> Option<ServerFrame> {
        match *work {
            Work::Unsubscribe(room) => {
                if self.open.remove(&room) {
                    self.effects.push_back(Effect::Forget(room));
                }
                let id = id.clone();
                Some(ServerFrame::Ack(Ack::new(id, room)))
            }
            Work::Subscribe(room, _) if !self.open.contains(&room) => {
                if self.open.len() + self.opening.len() >= self.limits.rooms_per_socket {
                    let failure = Failure::new(Code::RateLimited, "this socket has too many rooms open");
                    return Some(ServerFrame::refused(Some(id.clone()), failure));
                }
                self.opening.insert(room);
                None
            }
            _ => None,
        }
    }

    fn answer(&mut self, line: Line, id: FrameId, answer: Answer) {
        match answer {
            Answer::Opening(opening) => {
                let Line::Room(room) = line else { return };
                let from = opening.from;
                self.send(ServerFrame::subscribed(id, room, *opening));
                self.open.insert(room);
                self.effects.push_back(Effect::Open { room, from });
            }
            Answer::Done(done) => {
                self.send(ServerFrame::Ack(Ack::of(id, &done)));
            }
            Answer::Posted(message, done) => {
                let (message_id, time) = (Some(message), Some(done.time));
                self.send(ServerFrame::Ack(Ack { message_id, time, ..Ack::of(id, &done) }));
            }
            Answer::Coded(code, done) => {
                self.send(ServerFrame::Ack(Ack { code: Some(code), ..Ack::of(id, &done) }));
            }
            Answer::Marked(room) => self.send(ServerFrame::Ack(Ack::new(id, room))),
            Answer::Page { room, class, events, has_more } => {
                self.send(ServerFrame::Page { id, room, class, events, has_more });
            }
        }
    }

    fn welcome(&mut self, id: FrameId, who: Caller, now: Now) {
        self.phase = Phase::Open(Lease::new(who, now.time));
        self.send(ServerFrame::Welcome {
            id,
            session: self.id,
            user: who.user,
            heartbeat_ms: millis(self.pulse.every()),
            limits: self.limits,
        });
    }

    fn look_at_expiry(&mut self, now: Now) {
        if let Phase::Open(lease) = &self.phase
            && lease.has_expired(now.time)
        {
            self.drain(Close::TokenExpired, Duration::ZERO, now);
        }
    }

    fn ask_for_token(&mut self, now: Now) {
        if let Phase::Open(lease) = &mut self.phase
            && let Some(left) = lease.ask(now.time)
        {
            self.send(ServerFrame::Token { expires_in_ms: millis(left) });
        }
    }

    fn close_if_drained(&mut self) {
        if let Phase::Draining { close, .. } = self.phase
            && self.lines.are_idle()
        {
            self.close(close);
        }
    }

    fn send(&mut self, frame: ServerFrame) {
        self.effects.push_back(Effect::Send(frame));
    }

    fn refuse(&mut self, id: Option<FrameId>, failure: Failure) {
        self.send(ServerFrame::refused(id, failure));
    }
}

fn id_of(frame: Result<ClientFrame, BadFrame>) -> Option<FrameId> {
    frame.map_or_else(|bad| bad.id, |frame| Some(frame.id))
}

fn line_of(command: &Command) -> Line {
    match command {
        Command::CreateRoom(_) | Command::JoinByCode(_) => Line::Unplaced,
        Command::Room(room, _)
        | Command::NewCode(room)
        | Command::Invite(room, _)
        | Command::Post(room, _)
        | Command::Message(room, ..)
        | Command::MarkRead(room, _) => Line::Room(*room),
    }
}

fn too_fast(wait: Duration) -> Failure {
    Failure { retry_after: Some(wait), ..Failure::new(Code::RateLimited, "that is more than one client may ask for") }
}

fn going() -> Failure {
    Failure::unavailable("this connection is about to close, ask again on the next one")
}
