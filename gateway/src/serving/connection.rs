//! One connection: HTTP/1.1, requests one after the other, or the switch to a WebSocket.

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::door::Place;
use crate::config::Connections;

/// How long one who has asked nothing is waited for when the node goes.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client sends a head, or should: a new connection has no other use.
    Heading,
    /// A request is being answered.
    Busy,
    /// The last request is answered.
    Idle,
}

/// Serves a connection until it ends, stalls, or the node goes.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    limits: Connections,
    place: Place,
    ending: CancellationToken,
) {
    // Small frames go out at once. Otherwise an ack that follows an event waits for the client's delayed acknowledgement
    // of that event: 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection's delay can't be switched off");
    }
    let (phase, watched) = watch::channel(Phase::Heading);
    let io = TokioIo::new(Heard { stream, phase: phase.clone(), _place: place });
    let service = service_fn(move |request| answer(app.clone(), peer, phase.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // It would count the time between requests too; ours tells the two apart.
        .header_read_timeout(None)
        .max_header_size(limits.head_bytes)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        _ended = connection.as_mut() => return,
        () = overdue(watched.clone(), limits) => return,
        () = ending.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ended = connection => {}
        () = nothing_under_way(watched) => {}
    }
}

async fn answer(
    app: Router,
    peer: SocketAddr,
    phase: watch::Sender<Phase>,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    phase.send_replace(Phase::Busy);
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = app.oneshot(request).await;
    phase.send_replace(Phase::Idle);
    response
}

/// Returns when a client has taken too long for what it is doing.
async fn overdue(mut phase: watch::Receiver<Phase>, limits: Connections) {
    loop {
        let patience = match *phase.borrow_and_update() {
            Phase::Heading => limits.head_within,
            Phase::Idle => limits.idle_within,
            // Whoever answers has a patience of their own.
            Phase::Busy => Duration::MAX,
        };
        match timeout(patience, phase.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_gone)) => pending().await,
            Err(_) => return,
        }
    }
}

/// Returns when no request has been under way for a moment.
async fn nothing_under_way(mut phase: watch::Receiver<Phase>) {
    loop {
        let patience = if *phase.borrow_and_update() == Phase::Busy { Duration::MAX } else { GOODBYE_WITHIN };
        if !matches!(timeout(patience, phase.changed()).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// A stream that notes when a client begins to speak, and keeps its place for as long as it is open: as a WebSocket too.
#[derive(Debug)]
struct Heard {
    stream: TcpStream,
    phase: watch::Sender<Phase>,
    _place: Place,
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before && *self.phase.borrow() == Phase::Idle {
            self.phase.send_replace(Phase::Heading);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
