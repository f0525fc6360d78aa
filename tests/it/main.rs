//! The promises of the whole system, one module each, on real servers.

mod log_contract;
mod permissions;
mod servers;
