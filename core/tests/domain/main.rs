//! What the domain promises: rules as given/when/then, laws as properties, and every version ever written still read.

mod arbitrary;
mod envelope;
mod laws;
mod membership;
mod message;
mod moderation;
mod roles;
mod schemas;
mod settings;
mod view;
