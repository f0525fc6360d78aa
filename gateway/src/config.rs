//! How a gateway behaves. Read from the environment by the program, set by hand in tests.

use std::{fmt, time::Duration};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{identity::Secret, limits::Policies};

/// The settings of one gateway. Shows nothing of the signing key.
#[derive(Clone)]
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
    /// How much a user, a key or an address may use, over all gateways together.
    pub budgets: Policies,
    /// Proxies of our own: what they say of whence a request comes is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What a connection may cost.
    pub connections: Connections,
    /// What hashing a password costs.
    pub password_cost: PasswordCost,
    /// Calls, and how devices in them find a way to each other.
    pub voice: Voice,
    /// Whom anybody may sign in as: the people of the demo. Nobody in production.
    pub demo: Vec<DemoPerson>,
}

/// Somebody of the demo. Their password is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DemoPerson {
    /// Their username.
    pub name: String,
    /// By which they sign in.
    pub email: String,
    /// With which they sign in.
    pub password: String,
}

/// Calls, and how devices in them find a way to each other.
#[derive(Debug, Clone)]
pub struct Voice {
    /// `stun:` and `stuns:` URLs (RFC 7064).
    pub stun_urls: Vec<String>,
    /// The relays for those who find no other way.
    pub turn: Option<Turn>,
    /// How many devices a call takes. Each sends to each of the others, so it is the uplink that says how many.
    pub seats: u16,
    /// After how long without anything happening in it a call ends by itself.
    pub idle: Duration,
}

impl Default for Voice {
    fn default() -> Self {
        Self { stun_urls: Vec::new(), turn: None, seats: 8, idle: Duration::from_hours(1) }
    }
}

/// TURN servers that share a secret with the gateways.
#[derive(Debug, Clone)]
pub struct Turn {
    /// `turn:` and `turns:` URLs (RFC 7065).
    pub urls: Vec<String>,
    /// What they call `static-auth-secret`.
    pub secret: Secret,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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

/// What connections may cost, each and all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// How many there may be. A socket is one too.
    pub at_most: usize,
    /// How many may come from one address that is no proxy of ours and not this machine.
    pub per_address: usize,
    /// The largest head of a request, in bytes. A larger one is answered with 431.
    pub head_bytes: usize,
    /// How long a client may take for the head of a request; a new connection counts as one that has begun.
    pub head_within: Duration,
    /// How long a client may take for a body. Then the answer is 408.
    pub body_within: Duration,
    /// How long a connection is kept between two requests.
    pub idle_within: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            at_most: 20_000,
            // An office behind one address, its browsers holding six connections each.
            per_address: 2_000,
            head_bytes: 16 * 1024,
            head_within: Duration::from_secs(10),
            body_within: Duration::from_secs(10),
            // Longer than the 60 s after which most proxies let go, so that they don't send into a closing connection.
            idle_within: Duration::from_secs(75),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("limits", &self.limits).field("budgets", &self.budgets).finish_non_exhaustive()
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
            budgets: Policies::default(),
            trusted_proxies: Vec::new(),
            connections: Connections::default(),
            password_cost: PasswordCost::default(),
            demo: Vec::new(),
            voice: Voice::default(),
        }
    }
}
