//! The read models: what the log says, as tables that can be asked.
//!
//! A *projector* follows each partition of the log from its *checkpoint*, applies what it reads to the *projections*
//! (one file per read model) and saves the checkpoint in the same transaction. So every event counts exactly once,
//! whatever dies and however many projectors run.
//!
//! The tables are disposable: [`rebuild`] makes them again from the log beside the live ones and swaps them in, and
//! [`digest`] proves that both say the same. They are a function of the log up to the checkpoint and of nothing else.
//!
//! Modules in reading order.

pub mod read_model;

pub mod projection;

pub mod calls;
pub mod erasure;
pub mod invites;
pub mod markers;
pub mod members;
pub mod mentions;
pub mod messages;
pub mod pins;
pub mod reactions;
pub mod requests;
pub mod rooms;
pub mod search;
pub mod users;

pub mod checkpoint;
pub mod health;
pub mod last_seen;
pub mod parked;
pub mod projector;
pub mod standing;

mod batch;

pub mod digest;
pub mod rebuild;

mod columns;
mod page;
mod schema;

pub use health::Health;
pub use page::Page;
pub use read_model::ReadModel;
pub use standing::{Standing, standings};
