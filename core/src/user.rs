//! What the log knows of a user. Accounts, addresses and secrets are not here: PostgreSQL owns identity.

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// What has happened to a user, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum Event {
    /// Somebody has an account now. The first event of every user's chain.
    #[serde(rename = "voxlog.user.registered.v1")]
    Registered {
        /// Who.
        user_id: UserId,
        /// Unique, 3 to 32 characters.
        username: String,
    },
}

impl Event {
    /// The types of all variants, as they stand in the log.
    pub const TYPES: [&str; 1] = ["voxlog.user.registered.v1"];
}
