//! What the log knows of a user. Accounts, addresses and secrets are not here: PostgreSQL owns identity.
//!
//! A user's chain takes no commands: identity tells it facts that are already so, and read markers only ever go up.
//! So nothing here is fenced, and a reader takes the chain as it comes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::{RoomId, SessionId, UserId},
    position::Seq,
};

/// What has happened to a user, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum Event {
    /// Somebody has an account now, or is here as a guest. The first event of every user's chain.
    #[serde(rename = "voxlog.user.registered.v1")]
    Registered {
        /// Who.
        user_id: UserId,
        /// Unique, 3 to 32 characters.
        #[schemars(length(min = 3, max = 32))]
        username: String,
        /// What people call them; absent means by the username.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_name: Option<String>,
        /// Here without an account.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        guest: bool,
    },
    /// A user's profile is another now. It is told whole.
    #[serde(rename = "voxlog.user.updated.v1")]
    Updated {
        /// Who.
        user_id: UserId,
        /// Unique, 3 to 32 characters.
        #[schemars(length(min = 3, max = 32))]
        username: String,
        /// What people call them; absent means by the username.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_name: Option<String>,
        /// An https address of a picture.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        avatar_url: Option<String>,
    },
    /// Somebody is no user any more. They have left all rooms before; what they wrote, and what they called themselves,
    /// leaves the read models now and the log soon. The last event of the user's chain, but for stragglers.
    #[serde(rename = "voxlog.user.erased.v1")]
    Erased {
        /// Who.
        user_id: UserId,
    },
    /// Somebody signed in.
    #[serde(rename = "voxlog.session.started.v1")]
    SessionStarted {
        /// Who.
        user_id: UserId,
        /// The sign-in.
        session_id: SessionId,
    },
    /// A sign-in, or an API key, is good for nothing any more.
    #[serde(rename = "voxlog.session.revoked.v1")]
    SessionRevoked {
        /// Whose.
        user_id: UserId,
        /// The sign-in, or the API key.
        session_id: SessionId,
    },
    /// Somebody has read a room up to a message.
    #[serde(rename = "voxlog.read.marked.v1")]
    ReadMarked {
        /// Who.
        user_id: UserId,
        /// Which room.
        room_id: RoomId,
        /// The last message that they have read, in the room's partition. The largest of all counts.
        seq: Seq,
    },
}

impl Event {
    /// The types of all variants, as they stand in the log.
    pub const TYPES: [&str; 6] = [
        "voxlog.user.registered.v1",
        "voxlog.user.updated.v1",
        "voxlog.user.erased.v1",
        "voxlog.session.started.v1",
        "voxlog.session.revoked.v1",
        "voxlog.read.marked.v1",
    ];
}
