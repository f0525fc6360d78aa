//! The promises of the whole system, one module each, on real servers.

mod fence;
mod identity;
mod log_contract;
mod old_cursor;
mod permissions;
mod projections;
mod rest;
mod servers;
mod slow_socket;
mod sockets;
