//! The read models are a function of the log: every event counts once, whatever dies, and a rebuild comes to the same.

mod exactly_once;
mod expired;
mod fold;
mod parking;
mod queries;
mod rebuild;
mod world;
