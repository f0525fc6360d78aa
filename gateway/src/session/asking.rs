//! What a client may ask for now, and what of it must wait.

use std::time::Duration;

use super::{Effect, Lease, Line, Phase, Session, Work, going, scoped, too_fast};
use crate::{
    close::Close,
    error::{Code, Failure},
    protocol::{Ack, ClientFrame, Command, FrameId, Request, ServerFrame},
};

/// What may stand in line, unless the limits allow larger bursts.
pub(super) const MIN_LINE: usize = 64;

impl Session {
    pub(super) fn accept(&mut self, ClientFrame { id, request }: ClientFrame) {
        match (request, &mut self.phase) {
            (_, Phase::Closed) => {}
            (_, Phase::Draining { .. }) => self.refuse(Some(id), going()),
            (Request::Hello { token, presence, resume }, Phase::Greeting { offered, .. }) => {
                match token.or_else(|| offered.take()) {
                    Some(token) => self.effects.push_back(Effect::Authenticate { id, token, presence, resume }),
                    None => self.refuse(Some(id), Failure::new(Code::Unauthenticated, "there is no token")),
                }
            }
            (_, Phase::Greeting { .. }) => {
                self.refuse(Some(id), Failure::new(Code::Unauthenticated, "the first frame is hello"));
                self.close(Close::MissedHello);
            }
            (request, Phase::Open(lease)) if let Err(failure) = scoped::check(&lease.who, &request) => {
                self.refuse(Some(id), failure);
            }
            (Request::Hello { resume: Some(_), .. }, Phase::Open(_)) => {
                self.refuse(Some(id), Failure::invalid("resume", "comes with the first hello"));
            }
            (Request::Hello { token: Some(token), presence, resume: None }, Phase::Open(_)) => {
                self.effects.push_back(Effect::Authenticate { id, token, presence, resume: None });
            }
            (Request::Hello { token: None, .. }, Phase::Open(_)) => {
                self.refuse(Some(id), Failure::invalid("token", "is missing"));
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
            (Request::JoinToken { room, whom }, Phase::Open(_)) => {
                self.line_up(Line::Call(room), id, Work::JoinToken { room, whom });
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
    pub(super) fn start(&mut self, line: Line, mut id: FrameId, mut work: Work) {
        let Phase::Open(Lease { who, .. }) = self.phase else { return };
        while let Some(answer) = self.settle_at_once(&id, &work) {
            self.send(answer);
            match self.lines.leave(line) {
                Some(next) => (id, work) = next,
                None => return,
            }
        }
        self.effects.push_back(Effect::Run { line, id, caller: who, session: self.id, work });
    }

    /// The answer to what needs no one else.
    fn settle_at_once(&mut self, id: &FrameId, work: &Work) -> Option<ServerFrame> {
        match *work {
            Work::Unsubscribe(room) => {
                if self.open.remove(&room) {
                    self.effects.push_back(Effect::Forget(room));
                }
                let id = id.clone();
                Some(ServerFrame::Ack(Ack::about(id, room)))
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
}

fn line_of(command: &Command) -> Line {
    match command {
        Command::CreateRoom(_) | Command::JoinByCode(_) | Command::ShowAs(_) => Line::Unplaced,
        Command::JoinCall(room, _)
        | Command::UpdateCall(room, _)
        | Command::LeaveCall(room)
        | Command::EndCall(room)
        | Command::Signal { room, .. } => Line::Call(*room),
        Command::Room(room, _)
        | Command::NewCode(room)
        | Command::Invite(room, _)
        | Command::Post(room, _)
        | Command::Message(room, ..)
        | Command::MarkRead(room, _)
        | Command::Type(room, _) => Line::Room(*room),
    }
}
