//! The people of the demo, whom anybody on this machine may sign in as.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{header::HOST, request::Parts},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::openapi::{Operation, Route, describe::Input, route};
use crate::{Gateway, config::DemoPerson};

pub(super) fn routes() -> Vec<Route<Arc<Gateway>>> {
    vec![route!(people)]
}

/// The people of the demo.
#[derive(Serialize, JsonSchema)]
struct Demo {
    /// Nobody, but under `voxlog up` with its demo, asked from the machine that it runs on.
    people: Vec<DemoPerson>,
}

/// Whether a request names this machine as its host. A page of another site that got its name to mean 127.0.0.1 does
/// not.
struct AskedHere(bool);

impl<S: Send + Sync> FromRequestParts<S> for AskedHere {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        Ok(Self(is_here(host)))
    }
}

impl Input for AskedHere {
    fn describe(_: &mut Operation<'_>) {}
}

fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// Lists the people of the demo with their passwords, for a sign-in by one click. In production there are none.
#[utoipa::path(get, path = "/demo.json", operation_id = "getDemo", tag = "documents")]
async fn people(State(gateway): State<Arc<Gateway>>, AskedHere(here): AskedHere) -> Json<Demo> {
    Json(Demo { people: if here { gateway.config.demo.clone() } else { Vec::new() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_here() {
        for host in ["localhost:8080", "127.0.0.1:8080", "127.0.0.1", "[::1]:8080", "[::1]"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil:80", "[::2]:80"] {
            assert!(!is_here(host), "{host}");
        }
    }
}
