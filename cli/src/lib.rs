//! .
pub mod embedded;
