//! The listener's loop: every connection of a node, and what one may cost.
//!
//! A connection has little time for the head of a request and some more between requests; there are only so many of
//! them, and only so many from one address. Bodies have their own patience
//! ([`rest`](crate::rest)). When the node goes, a request that is under way is answered and nobody else is waited for.

use std::{net::SocketAddr, pin::pin, time::Duration};

use axum::Router;
use ipnet::IpNet;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::config::Connections;

mod connection;
mod door;

use door::Door;

/// How long the loop rests when the system gives it no connection: it is out of descriptors or memory.
const REST: Duration = Duration::from_millis(200);

/// How long one who is turned away may take to read why.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);

/// How many are told why they are turned away at a time; more are just cut off.
const REFUSED_AT_ONCE: usize = 64;

/// Serves connections until `end`, then answers what is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Connections,
    proxies: &[IpNet],
    end: impl Future<Output = ()>,
) {
    let (ending, tasks, refusals) = (CancellationToken::new(), TaskTracker::new(), TaskTracker::new());
    let door = Door::new(limits, proxies);
    let mut end = pin!(end);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut end => break,
        };
        match door.admit(peer.ip()) {
            Some(place) => {
                tasks.spawn(connection::serve(stream, peer, app.clone(), limits, place, ending.clone()));
            }
            None if refusals.len() < REFUSED_AT_ONCE => {
                refusals.spawn(timeout(REFUSED_WITHIN, refuse(stream)));
            }
            None => {}
        }
    }
    // Whoever comes now is refused by the system, not kept.
    drop(listener);
    ending.cancel();
    tasks.close();
    tasks.wait().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if door::is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                sleep(REST).await;
            }
        }
    }
}

/// Says why, whatever was asked, and hangs up once the client has or time is over: what is cut off with something unread
/// loses the answer too.
async fn refuse(mut stream: TcpStream) {
    metrics::counter!("voxlog_connections_refused_total").increment(1);
    let body = concat!(
        r#"{"type":"about:blank","title":"Service Unavailable","status":503,"#,
        r#""detail":"too many connections, come again later","code":"unavailable","retryAfterMs":5000}"#,
    );
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         retry-after: 5\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let said = stream.write_all(format!("{head}{body}").as_bytes()).await;
    if said.is_ok() && stream.shutdown().await.is_ok() {
        let mut unread = [0; 1024];
        while let Ok(1..) = stream.read(&mut unread).await {}
    }
}
