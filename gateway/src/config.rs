//! How a gateway behaves. Read from the environment by the program, set by hand in tests.

use std::time::Duration;

use serde::Serialize;

/// The settings of one gateway.
#[derive(Debug, Clone)]
pub struct Config {
    /// The Ed25519 key that signs access tokens, as PKCS #8 PEM.
    pub signing_key_pem: String,
    /// Public keys whose tokens still verify after a rotation, as SPKI PEM.
    pub former_keys_pem: Vec<String>,
    /// The `Origin`s that a browser may come from. Empty means: only the host that it is served from.
    pub allowed_origins: Vec<String>,
    /// How long an access token lives.
    pub access_ttl: Duration,
    /// How long a refresh token lives.
    pub refresh_ttl: Duration,
    /// How often `heads` are sent, and how long a silent client may stay silent: two of them.
    pub heartbeat: Duration,
    /// How many events of a room are kept at hand for those who come back.
    pub ring_events: usize,
    /// How long a room that nobody on this node uses stays in memory.
    pub idle_room: Duration,
    /// What one client may ask for.
    pub limits: Limits,
    /// What hashing a password costs.
    pub password_cost: PasswordCost,
}

/// The cost of argon2id, with one lane. Tests take less than the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB; at least 8.
    pub memory_kib: u32,
    /// Passes over it; at least 1.
    pub passes: u32,
}

impl Default for PasswordCost {
    /// The least that OWASP's cheat sheet on password storage names.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// What one client may ask for, as `welcome` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// The largest frame, in bytes.
    pub frame_bytes: usize,
    /// Commands a second, sustained.
    pub commands_per_s: u32,
    /// Commands at once, before the sustained rate counts.
    pub commands_burst: u32,
    /// Rooms that a socket may have open.
    pub rooms_per_socket: usize,
    /// Sockets that a user may have open on one node.
    pub sockets_per_user: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 64 * 1024,
            commands_per_s: 20,
            commands_burst: 60,
            rooms_per_socket: 200,
            sockets_per_user: 16,
        }
    }
}

impl Config {
    /// The defaults with a signing key.
    pub fn with_key(signing_key_pem: impl Into<String>) -> Self {
        Self {
            signing_key_pem: signing_key_pem.into(),
            former_keys_pem: Vec::new(),
            allowed_origins: Vec::new(),
            access_ttl: Duration::from_mins(15),
            refresh_ttl: Duration::from_hours(30 * 24),
            heartbeat: Duration::from_secs(20),
            ring_events: 256,
            idle_room: Duration::from_mins(5),
            limits: Limits::default(),
            password_cost: PasswordCost::default(),
        }
    }
}
