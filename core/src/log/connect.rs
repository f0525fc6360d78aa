//! The connection that every process opens to NATS.

use std::{path::Path, time::Duration};

use async_nats::{Client, ConnectOptions, Event};

/// A dead connection is noticed after two of these: an answer that is lost is asked for again well within the 15 s for
/// which an append retries.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// No server that is alive takes longer to greet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest pause between two tries to reach a server.
const RECONNECT_MAX: Duration = Duration::from_secs(1);

/// Records that may wait for a reader. A follower asks for 2,000 at most and a page has at most some thousands, so
/// nothing is ever dropped here.
const SUBSCRIPTION_CAPACITY: usize = 64 * 1024;

/// Why no connection could be set up. A server that is not there is no reason: it is waited for.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The credentials can't be read.
    #[error("no NATS credentials in {path}: {source}")]
    Credentials {
        /// Where they should be.
        path: String,
        /// What the file system says.
        source: std::io::Error,
    },
    /// The address is none, or the server does not want us.
    #[error("no connection to NATS: {0}")]
    Server(#[from] async_nats::ConnectError),
}

/// Opens the connection of the process `name`. It comes back by itself for ever, and returns at once even when no server
/// is there yet: the first request waits.
///
/// `url` may list several servers, separated by commas.
pub async fn connect(url: &str, name: &str, credentials: Option<&Path>) -> Result<Client, ConnectError> {
    Ok(options(name, credentials).await?.retry_on_initial_connect().connect(servers(url)).await?)
}

/// The servers of a `url` that may list several, separated by commas.
pub fn servers(url: &str) -> Vec<&str> {
    url.split(',').map(str::trim).filter(|server| !server.is_empty()).collect()
}

/// The options of every connection, for those who need one more: `doctor` does not wait for a server.
pub async fn options(name: &str, credentials: Option<&Path>) -> Result<ConnectOptions, ConnectError> {
    let options = ConnectOptions::new()
        .name(name)
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECT_TIMEOUT)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .reconnect_delay_callback(reconnect_delay)
        .event_callback(|event| async move { note(&event) });
    let Some(path) = credentials else { return Ok(options) };
    let missing = |source| ConnectError::Credentials { path: path.display().to_string(), source };
    options.credentials_file(path).await.map_err(missing)
}

/// At once, then 50 ms, 100 ms, … up to a second, so that a restarted server is back in use quickly.
fn reconnect_delay(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(5);
    if attempts <= 1 { Duration::ZERO } else { Duration::from_millis(25 << doublings).min(RECONNECT_MAX) }
}

fn note(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to NATS"),
        Event::SlowConsumer(_) | Event::Disconnected | Event::ServerError(_) => {
            tracing::warn!(%event, "NATS connection");
        }
        _ => tracing::debug!(%event, "NATS connection"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_server_is_tried_at_once_and_then_ever_more_patiently_up_to_a_second() {
        assert_eq!(reconnect_delay(1), Duration::ZERO);
        assert_eq!(reconnect_delay(2), Duration::from_millis(50));
        assert!((2..100).all(|attempt| reconnect_delay(attempt) <= reconnect_delay(attempt + 1)));
        assert!(reconnect_delay(usize::MAX) <= RECONNECT_MAX);
    }
}
