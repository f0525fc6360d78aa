//! What calls need beside the log: how devices find a way to each other, and by which tokens others let them in.
//!
//! Who is in a call is decided by the [`hub`](crate::hub) and stands in the log; what the devices of a call say to each
//! other goes beside it.

pub mod ice;
pub(crate) mod inbox;
pub mod signals;
pub mod tokens;

pub use ice::Ice;
pub(crate) use inbox::Inbox;
pub use signals::{Signal, Signals};
pub use tokens::{JoinToken, Tokens};
