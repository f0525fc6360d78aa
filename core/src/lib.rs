//! The domain of Voxlog and the log that holds its facts.
//!
//! Data flows one way: a *command* is *decided* on the state of a room, the resulting *events* are *appended* to the
//! log under a *fence*, everybody *follows* the log, and what follows is fanned out to sockets or *applied* to read
//! models. This crate has the first three steps; it knows no socket and no table.
//!
//! Invariants that everything else builds on:
//! * A fact exists when the log has acknowledged it, and never before.
//! * No invalid fact enters the log: a rule is checked before the append and fenced in the append itself.
//! * Everything outside [`log`], [`fold`] and [`bus`] is pure: no clock, no IO, no randomness. What must be known comes in the command.
//!
//! Modules in reading order.

pub mod clock;
pub mod id;
pub mod position;

pub mod decider;
pub mod rejection;

pub mod call;
pub mod message;
pub mod room;
pub mod user;

pub mod ambient;
pub mod presence;

pub mod envelope;
pub mod event;
pub mod upcast;

pub mod erasure;

pub mod schema;

pub mod log;

pub mod fold;

pub mod bus;

pub mod testing;
