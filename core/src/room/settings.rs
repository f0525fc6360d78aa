//! What a room is called, how many it seats, how it behaves, and its beginning and end.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Decision, Event, Interior, Role, normalize_code};
use crate::{decider::Asked, rejection::Rejection};

/// The fewest seats: one for the owner, one for somebody to talk to.
pub const MIN_SEATS: u16 = 2;

/// The most seats.
pub const MAX_SEATS: u16 = 500;

/// The longest pause that slow mode asks for, in seconds: six hours.
pub const MAX_SLOW_MODE_S: u32 = 6 * 3600;

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 80;

/// The longest description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 500;

/// How a room behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, any combination is a room")]
pub struct Settings {
    /// Listed, and joinable without a code.
    pub is_public: bool,
    /// Guests may join.
    pub allow_guests: bool,
    /// Joining asks an admin first.
    pub require_approval: bool,
    /// Messages are kept. Otherwise they are delivered live and gone from the log after 60 s.
    pub record_messages: bool,
    /// Seconds between two messages of one member; 0 means no limit.
    #[schemars(range(max = MAX_SLOW_MODE_S))]
    pub slow_mode_s: u32,
    /// Days after which messages are erased; null means never.
    pub retention_days: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            is_public: false,
            allow_guests: false,
            require_approval: false,
            record_messages: true,
            slow_mode_s: 0,
            retention_days: None,
        }
    }
}

/// Which settings change; what is absent stays as it is. On a room with `{isPublic: true, slowModeS: 0}`, `{slowModeS: 5}` makes
/// `{isPublic: true, slowModeS: 5}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SettingsPatch {
    /// Whether it is listed, and joinable without a code.
    pub is_public: Option<bool>,
    /// Whether guests may join.
    pub allow_guests: Option<bool>,
    /// Whether joining asks an admin first.
    pub require_approval: Option<bool>,
    /// Whether messages are kept.
    pub record_messages: Option<bool>,
    /// Seconds between two messages of one member; 0 means no limit.
    #[schemars(range(max = MAX_SLOW_MODE_S))]
    pub slow_mode_s: Option<u32>,
    /// Days after which messages are erased; null means never.
    #[serde(deserialize_with = "given")]
    pub retention_days: Option<Option<u32>>,
}

/// A field that is there, be it null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl SettingsPatch {
    /// The whole settings after the change of these.
    fn on(&self, settings: &Settings) -> Settings {
        Settings {
            is_public: self.is_public.unwrap_or(settings.is_public),
            allow_guests: self.allow_guests.unwrap_or(settings.allow_guests),
            require_approval: self.require_approval.unwrap_or(settings.require_approval),
            record_messages: self.record_messages.unwrap_or(settings.record_messages),
            slow_mode_s: self.slow_mode_s.unwrap_or(settings.slow_mode_s),
            retention_days: self.retention_days.unwrap_or(settings.retention_days),
        }
    }
}

/// What changes of a room; what is absent stays as it is. Settings are told whole.
// By an event, that is; a command asks with a patch of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "Changes", bound = "S: JsonSchema + Default + Serialize")]
pub struct Changes<S = Settings> {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_NAME_CHARS))]
    pub name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    pub description: Option<String>,
    /// Seats; not below the members it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = MIN_SEATS, max = MAX_SEATS))]
    pub max_users: Option<u16>,
    /// How it behaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<S>,
}

pub(super) fn create(
    asked: Asked,
    name: &str,
    description: &str,
    code: &str,
    max_users: u16,
    settings: &Settings,
) -> Decision {
    if asked.guest {
        return Err(Rejection::Forbidden("a guest opens no rooms: sign up first"));
    }
    check_settings(settings)?;
    Ok(vec![Event::Created {
        name: checked_name(name)?,
        description: checked_description(description)?,
        code: checked_code(code)?,
        owner_id: asked.by,
        max_users: checked_seats(max_users)?,
        settings: settings.clone(),
    }])
}

impl Interior {
    pub(super) fn update(&self, asked: Asked, changes: &Changes<SettingsPatch>) -> Decision {
        if self.standing(asked)? < Role::Admin {
            return Err(Rejection::Forbidden("only admins and the owner change a room"));
        }
        let news = self.news(changes)?;
        Ok(if news == Changes::default() { vec![] } else { vec![Event::Updated(news)] })
    }

    /// The changes that are valid and change something.
    fn news(&self, changes: &Changes<SettingsPatch>) -> Result<Changes, Rejection> {
        let name = changes.name.as_deref().map(checked_name).transpose()?;
        let description = changes.description.as_deref().map(checked_description).transpose()?;
        let max_users = changes.max_users.map(checked_seats).transpose()?;
        if max_users.is_some_and(|seats| usize::from(seats) < self.members.len()) {
            return Err(Rejection::Conflict("the room has more members than that"));
        }
        let settings = changes.settings.as_ref().map(|patch| patch.on(&self.settings));
        let settings = settings.filter(|settings| *settings != self.settings);
        settings.as_ref().map(check_settings).transpose()?;
        Ok(Changes {
            name: name.filter(|name| *name != self.name),
            description: description.filter(|description| *description != self.description),
            max_users: max_users.filter(|seats| *seats != self.max_users),
            settings,
        })
    }

    pub(super) fn change(&mut self, changes: &Changes) {
        let Changes { name, description, max_users, settings } = changes.clone();
        self.name = name.unwrap_or_else(|| std::mem::take(&mut self.name));
        self.description = description.unwrap_or_else(|| std::mem::take(&mut self.description));
        self.max_users = max_users.unwrap_or(self.max_users);
        self.settings = settings.unwrap_or_else(|| std::mem::take(&mut self.settings));
    }

    pub(super) fn archive(&self, asked: Asked) -> Decision {
        match self.standing(asked)? {
            Role::Owner => Ok(vec![Event::Archived {}]),
            Role::Guest | Role::Member | Role::Admin => Err(Rejection::Forbidden("only the owner archives a room")),
        }
    }
}

fn checked_name(name: &str) -> Result<String, Rejection> {
    let name = name.trim();
    match name.chars().count() {
        0 => Err(Rejection::invalid("name", "must not be empty")),
        chars if chars > MAX_NAME_CHARS => {
            Err(Rejection::invalid("name", format!("at most {MAX_NAME_CHARS} characters, this has {chars}")))
        }
        _ if name.contains(char::is_control) => Err(Rejection::invalid("name", "must not contain control characters")),
        _ => Ok(name.to_owned()),
    }
}

/// Lines and tabs are welcome in a description; other control characters are not.
fn checked_description(description: &str) -> Result<String, Rejection> {
    let description = description.trim();
    let chars = description.chars().count();
    if chars > MAX_DESCRIPTION_CHARS {
        let message = format!("at most {MAX_DESCRIPTION_CHARS} characters, this has {chars}");
        return Err(Rejection::invalid("description", message));
    }
    if description.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Rejection::invalid("description", "must not contain control characters but tabs and line ends"));
    }
    Ok(description.to_owned())
}

pub(super) fn checked_code(code: &str) -> Result<String, Rejection> {
    let code = normalize_code(code);
    if (4..=32).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(code)
    } else {
        Err(Rejection::invalid("code", "must be 4 to 32 letters and digits"))
    }
}

fn checked_seats(seats: u16) -> Result<u16, Rejection> {
    if (MIN_SEATS..=MAX_SEATS).contains(&seats) {
        Ok(seats)
    } else {
        Err(Rejection::invalid("maxUsers", format!("must be {MIN_SEATS} to {MAX_SEATS}")))
    }
}

fn check_settings(settings: &Settings) -> Result<(), Rejection> {
    if settings.slow_mode_s > MAX_SLOW_MODE_S {
        return Err(Rejection::invalid("slowModeS", format!("must be 0 to {MAX_SLOW_MODE_S}")));
    }
    // A promise that nobody keeps is worse than a refusal.
    if settings.retention_days.is_some() {
        return Err(Rejection::Unsupported("retentionDays is not supported by this version: leave it out"));
    }
    Ok(())
}
