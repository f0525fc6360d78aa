//! The world of the system tests: real servers, nodes, and clients that check what they get.

pub mod alone;
pub mod altered;
pub mod checker;
pub mod client;
pub mod fill;
pub mod history;
pub mod process;
pub mod rest;
pub mod servers;
pub mod turnstile;
pub mod world;
