//! The WebSocket itself: frames in, frames out, and patience with whoever is at the other end.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{SinkExt, StreamExt, future::poll_immediate};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_util::sync::CancellationToken;
use voxlog_core::id::{SessionId, UserId};

use crate::{
    close::Close,
    hub::{AmbientFrame, Entry},
    identity::Revoked,
    protocol::{BadFrame, ClientFrame, Encoding, ServerFrame},
    session::DRAIN_WITHIN,
};

/// How long a client may take nothing off the wire. It costs a task, a cursor per room and what its buffers hold.
const STALLED_AFTER: Duration = Duration::from_mins(10);

/// How often a write that waits for its client looks whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long the close handshake may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// One client's WebSocket.
pub(super) struct Wire {
    socket: WebSocket,
    encoding: Encoding,
    shutdown: CancellationToken,
    standing: Standing,
    unflushed: bool,
    strained: bool,
}

/// The sign-in with which a socket stands, and what is known to be revoked.
struct Standing {
    revoked: Arc<Revoked>,
    who: Option<(SessionId, UserId)>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A frame of the protocol, or something that should have been one.
    Frame(Result<ClientFrame, BadFrame>),
    /// The client answered a ping, or sent one.
    Pong,
    /// Something after which nothing more can be read.
    Broken(Close),
    /// The client has left.
    End,
}

/// Why a socket has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// The server closes it.
    Closed(Close),
    /// The client has left, or its connection has.
    Left,
}

impl Wire {
    pub(super) fn new(
        socket: WebSocket,
        encoding: Encoding,
        shutdown: CancellationToken,
        revoked: Arc<Revoked>,
    ) -> Self {
        let standing = Standing { revoked, who: None };
        Self { socket, encoding, shutdown, standing, unflushed: false, strained: false }
    }

    /// From now on nothing is written once this sign-in is revoked.
    pub(super) const fn stands_with(&mut self, who: Option<(SessionId, UserId)>) {
        self.standing.who = who;
    }

    /// Whether the sign-in with which it stands is good for nothing any more.
    pub(super) fn is_revoked(&self) -> bool {
        self.standing.has_fallen()
    }

    /// Waits for something from the client. Cancel safe.
    pub(super) async fn next(&mut self) -> Incoming {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => Incoming::Frame(self.encoding.read_text(&text)),
            Some(Ok(Message::Binary(bytes))) => Incoming::Frame(self.encoding.read_binary(&bytes)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Pong,
            Some(Ok(Message::Close(_))) | None => Incoming::End,
            Some(Err(error)) => broken(error),
        }
    }

    /// Writes a frame, at the latest with the next [`Self::flush`].
    pub(super) async fn send(&mut self, frame: &ServerFrame) -> Result<(), Gone> {
        self.feed(self.encoding.encode(frame)).await
    }

    /// Writes an event, at the latest with the next [`Self::flush`].
    pub(super) async fn event(&mut self, entry: &Entry) -> Result<(), Gone> {
        self.feed(self.encoding.event(entry)).await
    }

    /// Writes what is true only now, at the latest with the next [`Self::flush`].
    pub(super) async fn ambient(&mut self, frame: &AmbientFrame) -> Result<(), Gone> {
        self.feed(frame.message(self.encoding)).await
    }

    /// Writes a ping, which every client of the WebSocket protocol answers by itself.
    pub(super) async fn ping(&mut self) -> Result<(), Gone> {
        self.feed(Message::Ping(bytes::Bytes::new())).await
    }

    /// Hands everything to the kernel.
    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        if !std::mem::take(&mut self.unflushed) {
            return Ok(());
        }
        patiently(&self.shutdown, &self.standing, &mut self.strained, self.socket.flush()).await
    }

    /// Whether something had to wait for the client since the last time this was asked. It has been taken since, so
    /// somebody is there.
    pub(super) const fn has_strained(&mut self) -> bool {
        std::mem::replace(&mut self.strained, false)
    }

    /// Tells the client why, waits a little for its own goodbye, and hangs up.
    pub(super) async fn close(mut self, close: Close) {
        let frame = CloseFrame { code: close.code(), reason: close.reason().into() };
        let goodbye = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        if timeout(CLOSE_WITHIN, goodbye).await.is_err() {
            tracing::debug!(%close, "a client did not say goodbye");
        }
    }

    async fn feed(&mut self, message: Message) -> Result<(), Gone> {
        self.unflushed = true;
        patiently(&self.shutdown, &self.standing, &mut self.strained, self.socket.feed(message)).await
    }
}

impl Standing {
    fn has_fallen(&self) -> bool {
        self.who.is_some_and(|(session, user)| self.revoked.holds(session, user))
    }

    async fn fallen(&self) {
        while !self.has_fallen() {
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Waits for a client to take what it is sent: long, but not for ever, only a little once the node goes, and not at all
/// when it may get nothing more.
async fn patiently(
    shutdown: &CancellationToken,
    standing: &Standing,
    strained: &mut bool,
    write: impl Future<Output = Result<(), axum::Error>>,
) -> Result<(), Gone> {
    if standing.has_fallen() {
        return Err(Gone::Closed(Close::Revoked));
    }
    let mut write = std::pin::pin!(write);
    if let Some(written) = poll_immediate(&mut write).await {
        return written.map_err(|_error| Gone::Left);
    }
    *strained = true;
    tokio::select! {
        written = &mut write => written.map_err(|_error| Gone::Left),
        () = standing.fallen() => Err(Gone::Closed(Close::Revoked)),
        () = sleep(STALLED_AFTER) => Err(Gone::Closed(Close::Stalled)),
        () = async { shutdown.cancelled().await; sleep(DRAIN_WITHIN).await } => Err(Gone::Closed(Close::GoingAway)),
    }
}

fn broken(error: axum::Error) -> Incoming {
    match error.into_inner().downcast::<WebSocketError>().map(|error| *error) {
        Ok(WebSocketError::Capacity(_)) => Incoming::Broken(Close::TooLarge),
        Ok(WebSocketError::Protocol(_) | WebSocketError::Utf8(_)) => Incoming::Broken(Close::BrokenFraming),
        _ => Incoming::End,
    }
}
