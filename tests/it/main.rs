//! The promises of the whole system, one module each, on real servers.

mod permissions;
mod servers;
