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
    position::Class,
};

use crate::{
    close::Close,
    config::{Config, Limits},
    error::{Code, Failure},
    identity::{Caller, Credential, Secret},
    protocol::{BadFrame, ClientFrame, Command, FrameId, Request, ServerFrame, reply::millis},
};

mod answers;
mod asking;
mod bucket;
mod effect;
mod lease;
mod lines;
mod pulse;
mod scoped;
#[cfg(test)]
mod tests;

pub use effect::{Answer, Effect, LetIn, NotLetIn, Work};
pub use lines::Line;

use bucket::Bucket;
use lease::Lease;
use lines::Lines;
use pulse::Pulse;

/// How long a client may take for its first successful `hello`.
pub const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// How long what is under way may take once the session must end.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(5);

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
            // Devices that look for a way to each other have some ten candidates each for each of the others.
            Ok(ClientFrame { request: Request::Command(Command::Signal { .. }), .. }) => bucket::FRAME,
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
    pub fn authenticated(&mut self, id: FrameId, outcome: Result<LetIn, NotLetIn>, now: Now) {
        match (outcome, &self.phase) {
            (_, Phase::Closed | Phase::Draining { .. }) => {}
            (Err(NotLetIn::Refused(failure)), _) => self.refuse(Some(id), failure),
            (Err(NotLetIn::Crowded), _) => {
                self.refuse(Some(id), Failure::new(Code::RateLimited, "you have too many sockets open"));
                self.close(Close::TooManySockets);
            }
            (Ok(LetIn { who, .. }), Phase::Open(lease)) if who.user != lease.who.user => {
                self.refuse(Some(id), Failure::new(Code::Forbidden, "a connection stays with its user"));
            }
            (Ok(let_in), Phase::Open(_) | Phase::Greeting { .. }) => self.welcome(id, let_in, now),
        }
    }

    /// What it is called: as it was made, or as the session that it goes on with.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Whose connection this is, since their last `hello`.
    pub fn who(&self) -> Option<&Caller> {
        match &self.phase {
            Phase::Open(lease) => Some(&lease.who),
            Phase::Draining { who, .. } => who.as_ref(),
            Phase::Greeting { .. } | Phase::Closed => None,
        }
    }

    /// Whether events of this class are for the client: a join token opens no messages.
    pub fn may_hear(&self, class: Class) -> bool {
        class != Class::Msg || !self.who().is_some_and(|who| matches!(who.credential, Credential::JoinToken(_)))
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

    fn welcome(&mut self, id: FrameId, LetIn { who, resumed }: LetIn, now: Now) {
        self.phase = Phase::Open(Lease::new(who, now.time));
        self.id = resumed.unwrap_or(self.id);
        self.send(ServerFrame::Welcome {
            id,
            session: self.id,
            resumed: resumed.is_some(),
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

fn too_fast(wait: Duration) -> Failure {
    Failure { retry_after: Some(wait), ..Failure::new(Code::RateLimited, "that is more than one client may ask for") }
}

fn going() -> Failure {
    Failure::unavailable("this connection is about to close, ask again on the next one")
}
