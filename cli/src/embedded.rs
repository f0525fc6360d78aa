//! Private servers as child processes: a nats-server and a PostgreSQL on loopback, each under its own data directory.
//! `voxlog up` and the tests start theirs here, so what the tests prove holds for `up`.
//!
//! What is promised:
//! * A directory has one owner. A second start on it is refused while the first owner lives ([`EmbeddedError::InUse`]).
//! * An owner that died leaves its servers running; the next start on the directory ends them first, and only
//!   processes that were started on that directory.
//! * A server that is dropped is asked to stop; `stop` also waits for it. `detach` leaves it running on purpose.
//! * Ctrl-C in a terminal reaches the owner alone: the servers stand in process groups of their own, so the owner
//!   can drain before it stops them.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

mod binaries;
mod home;
mod leftover;
mod nats;
mod port;
mod postgres;
mod process;

pub use binaries::nats_server as nats_server_program;
pub(crate) use home::Claim;
pub use leftover::end_leftover;
pub use nats::{ClusterOptions, NatsOptions, NatsServer};
pub use port::free_port;
pub use postgres::{Postgres, PostgresOptions};

/// A big store is checked or recovered within this; beyond it a start has failed.
const READY_WITHIN: Duration = Duration::from_mins(2);
/// What a server has to stop cleanly before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// How often a start or a stop looks again.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Starts on ports that another process took between the choice and the start.
const PORTS_TRIED: usize = 5;

/// Why a private server is not there.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No nats-server, or only older ones.
    #[error(
        "nats-server 2.15.1 or newer is needed ({found}): run ./dev up, which fetches one, or set VOXLOG_NATS_SERVER"
    )]
    NatsMissing {
        /// What was looked at instead.
        found: String,
    },
    /// No PostgreSQL server programs, or only older ones.
    #[error("PostgreSQL 15 or newer is needed ({found}): install the system's package postgresql, or set DATABASE_URL")]
    PostgresMissing {
        /// What was looked at instead.
        found: String,
    },
    /// PostgreSQL refuses to run as root, and there is no other account to run it as.
    #[error("PostgreSQL does not run as root, and this system has neither a user postgres nor nobody: add one")]
    NoAccount,
    /// Another living process owns the directory.
    #[error("{} is in use by another voxlog: stop it, or choose another --data-dir", .data_dir.display())]
    InUse {
        /// The directory.
        data_dir: PathBuf,
    },
    /// A file or directory could not be used.
    #[error("can't use {}: {source}", .path.display())]
    Files {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program could not be started at all.
    #[error("can't start {}: {source}", .program.display())]
    Launch {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A server ended instead of serving.
    #[error("{program} ended while starting: {reason} (its log: {})", .log.display())]
    Exited {
        /// Which server.
        program: &'static str,
        /// The last line of its log.
        reason: String,
        /// Its whole log.
        log: PathBuf,
    },
    /// A server did not get ready in time.
    #[error("{program} was not ready after {} s (its log: {})", READY_WITHIN.as_secs(), .log.display())]
    NotReady {
        /// Which server.
        program: &'static str,
        /// Its log.
        log: PathBuf,
    },
    /// A process that a dead owner left could not be ended.
    #[error("process {pid} still runs on {} and could not be ended: end it by hand", .data_dir.display())]
    Leftover {
        /// The process.
        pid: i32,
        /// The directory it runs on.
        data_dir: PathBuf,
    },
    /// No loopback port could be had.
    #[error("no free loopback port was found")]
    NoPort,
    /// A database could not be made.
    #[error("PostgreSQL refused: {0}")]
    Sql(#[from] sqlx::Error),
}

/// Names the path in an IO error.
fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> EmbeddedError {
    move |source| EmbeddedError::Files { path: path.into(), source }
}
