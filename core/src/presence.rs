//! How somebody is there, and what others see of several devices of theirs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a device is there, as its user wants it to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// There.
    #[default]
    Online,
    /// There, but not looking.
    Away,
    /// There, and not to be disturbed.
    Dnd,
    /// There, without others knowing.
    Invisible,
    /// Gone.
    Offline,
}

/// What others see of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// Never `invisible`.
    pub status: ShownStatus,
    /// A device that is seen is in a call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_call: bool,
}

/// How somebody is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShownStatus {
    /// Not there, as far as others know.
    #[default]
    Offline,
    /// There, but not looking.
    Away,
    /// There.
    Online,
    /// There, and not to be disturbed.
    Dnd,
}

impl Status {
    /// How others see a device of this status.
    pub const fn shown(self) -> ShownStatus {
        match self {
            Self::Online => ShownStatus::Online,
            Self::Away => ShownStatus::Away,
            Self::Dnd => ShownStatus::Dnd,
            Self::Invisible | Self::Offline => ShownStatus::Offline,
        }
    }
}

/// What others see of a user with these devices: "not to be disturbed" holds for all of them; else one that is looked at
/// outweighs one that is not. A device that hides counts as gone, and so does the call that it is in.
///
/// ```
/// use voxlog_core::presence::{ShownStatus, Status, merged};
///
/// let shown = merged([(Status::Away, false), (Status::Online, false), (Status::Invisible, true)]);
/// assert_eq!((shown.status, shown.in_call), (ShownStatus::Online, false));
/// ```
pub fn merged(devices: impl IntoIterator<Item = (Status, bool)>) -> Shown {
    devices.into_iter().filter(|(status, _)| status.shown() != ShownStatus::Offline).fold(
        Shown::default(),
        |seen, (status, in_call)| Shown { status: seen.status.max(status.shown()), in_call: seen.in_call || in_call },
    )
}
