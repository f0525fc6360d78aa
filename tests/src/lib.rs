//! .
pub mod servers;
