//! The read models are a function of the log: every event counts once, whatever dies, and a rebuild comes to the same.

mod calls;
mod exactly_once;
mod expired;
mod fold;
mod history;
mod keyset;
mod parking;
mod people;
mod queries;
mod rebuild;
mod search;
mod unread;
mod upgrade;
mod world;
