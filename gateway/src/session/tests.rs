//! A session by itself: what comes in, what it wants done.
#![expect(clippy::needless_pass_by_value, reason = "frames and settings are written where they are used")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use voxlog_core::{
    clock::Time,
    id::{RoomId, UserId},
    position::{Partition, Position, Seq},
    presence::Status,
};

use super::*;
use crate::{
    hub::Done,
    identity::{Credential, Scopes, Secret},
    protocol::Encoding,
};

mod hello;
mod lifetime;
mod order;
mod scopes;

const LOBBY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const ATTIC: &str = "0190b36c-7f5f-7c0a-8d2b-3f6a5e4d3c2b";

/// A session, and the time as this test moves it.
struct Trial {
    session: Session,
    now: Now,
}

/// What a session wanted done, as far as a test looks at it.
#[derive(Debug, PartialEq)]
enum Wanted {
    Frame(Value),
    Authenticate(String),
    Run(Line, FrameId),
    Open(RoomId),
    Forget(RoomId),
    Beat,
    Close(Close),
}

impl Trial {
    fn new() -> Self {
        Self::with(Config::with_key(""), None)
    }

    fn with(config: Config, offered: Option<Secret>) -> Self {
        let now = Now { instant: Instant::now(), time: "2026-11-20T12:00:00Z".parse().unwrap() };
        let session = Session::new(ATTIC.parse().unwrap(), &config, offered, now);
        Self { session, now }
    }

    /// A session that has said hello, with a token for a quarter of an hour.
    fn greeted(config: Config) -> Self {
        let mut trial = Self::with(config, None);
        trial.says(json!({"id": 0, "op": "hello", "token": "t"}));
        trial.session.authenticated(FrameId::Number(0), Ok(trial.bob_until(900).into()), trial.now);
        trial.wanted();
        trial
    }

    fn bob_until(&self, seconds: i64) -> Caller {
        Caller {
            user: user(LOBBY),
            session: ATTIC.parse().unwrap(),
            expires: Some(self.now.time + chrono::TimeDelta::seconds(seconds)),
            guest: false,
            scopes: Scopes::ALL,
            credential: Credential::Token,
        }
    }

    fn says(&mut self, frame: Value) {
        self.session.frame(Encoding::Json.read_text(&frame.to_string()), self.now);
    }

    fn passes(&mut self, span: Duration) {
        self.now.instant += span;
        self.now.time += span;
        self.session.tick(self.now);
    }

    fn wanted(&mut self) -> Vec<Wanted> {
        std::iter::from_fn(|| self.session.next_effect()).map(Wanted::from).collect()
    }

    /// The codes of the errors among what is wanted, in order.
    fn errors(&mut self) -> Vec<String> {
        let errors = self.wanted().into_iter().filter_map(|wanted| match wanted {
            Wanted::Frame(frame) => frame["code"].as_str().map(str::to_owned),
            _ => None,
        });
        errors.collect()
    }
}

impl From<Effect> for Wanted {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Send(frame) => Self::Frame(serde_json::to_value(frame).unwrap()),
            Effect::Authenticate { token, .. } => Self::Authenticate(token.reveal().to_owned()),
            Effect::Run { line, id, .. } => Self::Run(line, id),
            Effect::Open { room, .. } => Self::Open(room),
            Effect::Forget(room) => Self::Forget(room),
            Effect::Beat => Self::Beat,
            Effect::Close(close) => Self::Close(close),
        }
    }
}

fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

fn room(id: &str) -> RoomId {
    id.parse().unwrap()
}

fn line(id: &str) -> Line {
    Line::Room(room(id))
}

fn number(id: u64) -> FrameId {
    FrameId::Number(id)
}

fn done(at: u64) -> Answer {
    let position = Position { partition: Partition(0), seq: Seq(at) };
    Answer::Done(Done { room: room(LOBBY), position, time: Time::default(), duplicate: false, requested: false })
}

fn leave(id: u64, room: &str) -> Value {
    json!({"id": id, "op": "room.leave", "room": room})
}
