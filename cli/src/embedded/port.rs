//! Loopback ports that stay ours over a restart.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use super::EmbeddedError;

/// Below the ranges from which systems take ports for outgoing connections (32768 and up, 49152 and up): a server that
/// restarts on its port does not find it taken by a client.
const PORTS: Range<u16> = 20_000..32_000;

/// A loopback port that nobody listens on at the moment. Who binds it later may still come second: try again then.
pub fn free_port() -> Result<u16, EmbeddedError> {
    (0..200)
        .map(|_| rand::random_range(PORTS))
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .ok_or(EmbeddedError::NoPort)
}
