//! The commands, one file each.

pub mod config;
pub mod doctor;
pub mod operator;
pub mod parked;
pub mod rebuild;
pub mod replay;
pub mod serve;
pub mod status;
pub mod token;
pub mod up;
