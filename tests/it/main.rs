//! The promises of the whole system, one module each, on real servers.

mod bad_input;
mod cli;
mod delivery;
mod fence;
mod identity;
mod log_contract;
mod old_cursor;
mod operations;
mod permissions;
mod projections;
mod relay;
mod replay;
mod rest;
mod retries;
mod servers;
mod slow_socket;
mod sockets;
mod truth;
mod unsettled;
