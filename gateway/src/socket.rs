//! The loop around a [`Session`]: the wire, the clock, the hub.
//!
//! A socket is one task. It never waits for the hub: commands and catch-up steps run in tasks of their own, so that a
//! client that stops reading stops nobody but itself. It does wait for its client: while a frame can't be written,
//! nothing more is read, taken or asked for, and the outbox overflows into the log.
//!
//! A socket stands and falls with the sign-in of its last token. Once that is revoked nothing more is written or carried
//! out: it is looked at before every write, also while one waits for its client, and after everything that wakes the
//! loop. The hub wakes it when the log tells of a revocation.

use std::{sync::Arc, time::Duration};

use axum::{Router, middleware::from_fn_with_state, routing::any};
use futures_util::FutureExt;
use tokio::task::{JoinError, JoinSet};
use voxlog_core::{
    clock::Clock,
    id::{RoomId, SessionId},
    position::Class,
};

use crate::{
    Gateway,
    close::Close,
    console::gauges::Counted,
    error::Failure,
    hub::{Item, Listening, Outbox, Waiting},
    identity::{Caller, Secret},
    presence::Here,
    protocol::{FrameId, ServerFrame},
    rest::{client_address::ClientAddress, limited::limited_by_address},
    session::{Answer, Effect, Line, Now, Session},
    voice::{Inbox, Signal},
};

mod arrival;
mod call;
mod rooms;
mod seats;
mod upgrade;
mod wire;
mod work;

pub use seats::Seats;

use rooms::{Held, Rooms, Stepped};
use seats::Seat;
use wire::{Gone, Incoming, Wire};

/// The clients of a node that goes come back spread over this time.
const RETURN_WITHIN: Duration = Duration::from_secs(5);

/// The routes of the sockets.
pub(crate) fn routes(gateway: &Arc<Gateway>) -> Router<Arc<Gateway>> {
    let counted = from_fn_with_state(Arc::clone(gateway), limited_by_address);
    let sockets = Router::new().route("/ws", any(upgrade::upgrade));
    sockets.route("/ws/call/{room}", any(upgrade::upgrade_to_call)).layer(counted)
}

/// One connection.
struct Socket {
    gateway: Arc<Gateway>,
    address: ClientAddress,
    session: Session,
    wire: Wire,
    rooms: Rooms,
    outbox: Arc<Outbox>,
    at_work: JoinSet<Finished>,
    seat: Option<Seat>,
    listening: Option<Listening>,
    here: Option<Here>,
    inbox: Option<Inbox>,
    counted: Counted,
    draining: bool,
}

/// By what somebody comes.
enum Entry {
    /// By a `hello`, with the token that the upgrade brought or another one.
    Hello(Option<Secret>),
    /// By a join token, into the call of this room.
    Call(Caller, RoomId),
}

/// What a task that was started for the session came to.
struct Finished {
    line: Line,
    id: FrameId,
    outcome: Result<Answer, Failure>,
}

/// What woke the loop.
enum Event {
    Incoming(Incoming),
    Finished(Result<Finished, JoinError>),
    Stepped(Option<Stepped>),
    Waiting(Waiting),
    Signals(Vec<Arc<Signal>>),
    Displaced,
    Tick,
    Shutdown,
}

/// Serves one connection until it ends.
async fn serve(gateway: Arc<Gateway>, address: ClientAddress, wire: Wire, entry: Entry) {
    metrics::gauge!("voxlog_sockets").increment(1);
    let counted = gateway.console.gauges.count();
    let outbox = Arc::new(Outbox::default());
    let (offered, into) = match entry {
        Entry::Hello(offered) => (offered, None),
        Entry::Call(caller, room) => (None, Some((caller, room))),
    };
    let session = Session::new(SessionId::mint(&*gateway.clock), &gateway.config, offered, now(&*gateway.clock));
    let rooms = Rooms::new(Arc::clone(&gateway.hub), Arc::clone(&outbox));
    let at_work = JoinSet::new();
    let mut socket = Socket {
        gateway,
        address,
        session,
        wire,
        rooms,
        outbox,
        at_work,
        seat: None,
        listening: None,
        here: None,
        inbox: None,
        counted,
        draining: false,
    };
    if let Some((caller, room)) = into {
        socket.enter_call(caller, room).await;
    }
    let Err(gone) = socket.run().await;
    tracing::debug!(?gone, "a socket has ended");
    if let Some((caller, room)) = into {
        call::leave(&socket.gateway, socket.session.id(), caller, room).await;
    }
    let Socket { wire, rooms, mut at_work, counted, .. } = socket;
    // Whoever asked for it is gone, but a command that has begun is carried through.
    at_work.detach_all();
    rooms.end().await;
    if let Gone::Closed(close) = gone {
        counted.closed(close);
        wire.close(close).await;
    }
    metrics::gauge!("voxlog_sockets").decrement(1);
}

impl Socket {
    async fn run(&mut self) -> Result<std::convert::Infallible, Gone> {
        loop {
            self.carry_out().await?;
            if let (true, Some(seat)) = (self.rooms.may_step(), &self.seat) {
                self.rooms.start_step(seat.user());
            }
            if self.rooms.have_caught_up() {
                self.counted.lags(false);
                self.wire.send(&ServerFrame::CaughtUp {}).await?;
            }
            self.wire.flush().await?;
            if self.wire.has_strained() {
                self.session.alive();
            }
            match self.next_event().await {
                Event::Incoming(incoming) => self.take_in(incoming)?,
                Event::Finished(Ok(Finished { line, id, outcome })) => self.session.completed(line, id, outcome),
                Event::Finished(Err(error)) => {
                    tracing::error!(%error, "a command's task failed");
                    self.session.close(Close::Internal);
                }
                Event::Stepped(step) => self.stepped(step).await?,
                Event::Waiting(waiting) => self.deliver(waiting).await?,
                Event::Signals(signals) => {
                    for signal in signals {
                        self.wire.send(&ServerFrame::from(&*signal)).await?;
                    }
                }
                Event::Displaced => self.session.close(Close::ResumedElsewhere),
                Event::Tick => self.session.tick(self.now()),
                Event::Shutdown => self.leave(),
            }
            if self.wire.is_revoked() {
                return Err(Gone::Closed(Close::Revoked));
            }
        }
    }

    async fn next_event(&mut self) -> Event {
        let wake_at = self.session.wake_at(self.now()).unwrap_or_else(std::time::Instant::now);
        tokio::select! {
            incoming = self.wire.next() => Event::Incoming(incoming),
            Some(finished) = self.at_work.join_next() => Event::Finished(finished),
            stepped = self.rooms.step() => Event::Stepped(stepped),
            waiting = self.outbox.take() => Event::Waiting(waiting),
            signals = arrival::read(&mut self.inbox) => Event::Signals(signals),
            () = arrival::displaced(self.here.as_ref()) => Event::Displaced,
            () = tokio::time::sleep_until(wake_at.into()) => Event::Tick,
            () = self.gateway.shutdown.cancelled(), if !self.draining => Event::Shutdown,
        }
    }

    fn take_in(&mut self, incoming: Incoming) -> Result<(), Gone> {
        match incoming {
            Incoming::Frame(frame) => self.session.frame(frame, self.now()),
            Incoming::Pong => self.session.alive(),
            Incoming::Broken(close) => self.session.close(close),
            Incoming::End => return Err(Gone::Left),
        }
        Ok(())
    }

    async fn carry_out(&mut self) -> Result<(), Gone> {
        while let Some(effect) = self.session.next_effect() {
            match effect {
                Effect::Send(frame) => self.wire.send(&frame).await?,
                Effect::Authenticate { id, token, presence, resume } => {
                    let outcome = self.let_in(token.reveal(), presence, resume).await;
                    self.session.authenticated(id, outcome, self.now());
                    self.wire.stands_with(self.session.who().map(|who| (who.session, who.user)));
                }
                Effect::Run { line, id, caller, session, work } => {
                    let (gateway, tasks) = (Arc::clone(&self.gateway), &self.gateway.tasks);
                    let working =
                        async move { Finished { line, id, outcome: work::run(&gateway, caller, session, work).await } };
                    self.at_work.spawn(tasks.track_future(working));
                }
                Effect::Open { room, from, told } => self.rooms.open(room, from, told),
                Effect::Forget(room) => self.rooms.forget(room),
                Effect::Beat => self.beat().await?,
                Effect::Close(close) => return Err(Gone::Closed(close)),
            }
        }
        Ok(())
    }

    async fn stepped(&mut self, step: Option<Stepped>) -> Result<(), Gone> {
        match step.map(|step| self.rooms.stepped(step)) {
            None => {}
            Some(Ok(items)) => {
                for item in items {
                    self.write(&item).await?;
                }
            }
            Some(Err((room, failure))) => self.session.ended(room, failure),
        }
        Ok(())
    }

    /// Writes what the fan-out had for this socket, as far as its rooms are live.
    async fn deliver(&mut self, waiting: Waiting) -> Result<(), Gone> {
        let Waiting::Items(items) = waiting else {
            metrics::counter!("voxlog_sockets_lagging_total").increment(1);
            self.rooms.overflowed();
            self.counted.lags(true);
            self.inbox.iter_mut().for_each(Inbox::missed);
            return self.wire.send(&ServerFrame::Lagging {}).await;
        };
        for item in items {
            match item {
                Item::Event(entry) => self.pass_on(&Held::Event(entry)).await?,
                Item::Ambient(frame) => self.pass_on(&Held::Ambient(frame)).await?,
                Item::Ended { room, subscription, why } => {
                    if self.rooms.ended(room, subscription) {
                        self.session.ended(room, why);
                    }
                }
                Item::User(entry) if self.session.may_hear(Class::Msg) => {
                    self.wire.send(&ServerFrame::user(&entry)).await?;
                }
                // Of a revocation: whatever is done next, it is looked whether this socket stands with that sign-in.
                Item::User(_) | Item::Revoked(_) => {}
                Item::Signal(signal) => {
                    if self.inbox.as_mut().is_some_and(|inbox| inbox.admit(&signal)) {
                        self.wire.send(&ServerFrame::from(&*signal)).await?;
                    }
                }
                Item::SignalsMissed => self.inbox.iter_mut().for_each(Inbox::missed),
            }
        }
        Ok(())
    }

    async fn pass_on(&mut self, item: &Held) -> Result<(), Gone> {
        if self.rooms.admit(item) { self.write(item).await } else { Ok(()) }
    }

    async fn write(&mut self, item: &Held) -> Result<(), Gone> {
        match item {
            Held::Event(entry) if !self.session.may_hear(entry.class) => Ok(()),
            Held::Event(entry) => self.wire.event(entry).await,
            Held::Ambient(frame) => self.wire.ambient(frame).await,
        }
    }

    /// Proves to the client that it has everything: the heads are read first, then what waits is written, then they
    /// are sent.
    async fn beat(&mut self) -> Result<(), Gone> {
        let mut heads = self.rooms.live_heads();
        if let Some(waiting) = self.outbox.take().now_or_never() {
            self.deliver(waiting).await?;
        }
        heads.retain(|room, heads| self.rooms.have_written(*room, heads));
        self.wire.send(&ServerFrame::Heads { rooms: heads }).await?;
        self.wire.ping().await
    }

    fn leave(&mut self) {
        self.draining = true;
        let spread = rand::random_range(Duration::ZERO..RETURN_WITHIN);
        self.session.drain(Close::GoingAway, spread, self.now());
    }

    fn now(&self) -> Now {
        now(&*self.gateway.clock)
    }
}

fn now(clock: &dyn Clock) -> Now {
    Now { instant: std::time::Instant::now(), time: clock.now() }
}
