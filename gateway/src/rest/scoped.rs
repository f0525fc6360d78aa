//! What a request needs of its credential: the one place that says so for REST.

use axum::http::Method;

use crate::identity::Scope;

/// What admins and owners do to others and to who may come in, by the segment behind a room's id. Reading these lists
/// is theirs too.
const MODERATION: [&str; 11] =
    ["kick", "ban", "unban", "mute", "unmute", "role", "bans", "requests", "invites", "code", "audit"];

/// Where everything stands that is for operators.
const CONSOLE: &str = "/console/";

/// Of a method and the pattern of its route.
pub(super) fn scope_of(method: &Method, route: &str) -> Scope {
    if route.contains(CONSOLE) {
        return Scope::Admin;
    }
    let behind_room = route.split_once("/rooms/{id}/").map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
    match behind_room {
        Some(segment) if MODERATION.contains(&segment) => Scope::Moderate,
        _ if method.is_safe() => Scope::Read,
        _ => Scope::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_methods_read_and_moderation_is_its_own() {
        for (method, route, scope) in [
            (Method::GET, "/api/v1/rooms/{id}", Scope::Read),
            (Method::HEAD, "/api/v1/rooms/{id}/members", Scope::Read),
            (Method::PATCH, "/api/v1/rooms/{id}", Scope::Write),
            (Method::POST, "/api/v1/rooms/{id}/join", Scope::Write),
            (Method::PUT, "/api/v1/rooms/{id}/read", Scope::Write),
            (Method::POST, "/api/v1/rooms/{id}/kick", Scope::Moderate),
            (Method::POST, "/api/v1/rooms/{id}/requests/{user_id}/approve", Scope::Moderate),
            (Method::GET, "/api/v1/rooms/{id}/audit", Scope::Moderate),
            (Method::DELETE, "/api/v1/rooms/{id}/invites/{inviteId}", Scope::Moderate),
            (Method::POST, "/api/v1/messages", Scope::Write),
            (Method::GET, "/api/v1/console/events", Scope::Admin),
            (Method::POST, "/api/v1/console/rebuild", Scope::Admin),
        ] {
            assert_eq!(scope_of(&method, route), scope, "{method} {route}");
        }
    }
}
