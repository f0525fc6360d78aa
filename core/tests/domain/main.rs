//! What the domain promises: rules as given/when/then, laws as properties, and every version ever written still read.

mod arbitrary;
mod call;
mod envelope;
mod fold;
mod guests;
mod invites;
mod laws;
mod membership;
mod mentions;
mod message;
mod moderation;
mod requests;
mod roles;
mod schemas;
mod settings;
mod slow_mode;
mod view;
