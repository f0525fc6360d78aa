//! Somebody who is not signed in yet: from where, and with what.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};

use crate::{
    Gateway,
    error::{Code, Failure},
    identity::Device,
    limits::Budget,
    rest::{
        client_address::ClientAddress,
        openapi::{Operation, describe::Input},
    },
};

/// Somebody who is not signed in yet.
pub(super) struct Visitor {
    address: String,
    pub(super) device: Device,
}

impl Visitor {
    /// Counts an attempt on an account, before anything is hashed.
    pub(super) fn may_try(&self, gateway: &Gateway, email: &str) -> Result<(), Failure> {
        gateway.limits.take(Budget::LoginAddress, &self.address, 1)?;
        gateway.limits.take(Budget::LoginAccount, &folded(email), 1)?;
        Ok(())
    }

    /// Counts a guest.
    pub(super) fn may_be_guest(&self, gateway: &Gateway) -> Result<(), Failure> {
        gateway.limits.take(Budget::Guest, &self.address, 1).map(|_left| ())
    }
}

impl FromRequestParts<Arc<Gateway>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Infallible> {
        let address = ClientAddress::of(&parts.extensions, &parts.headers, &gateway.config.trusted_proxies);
        let name = parts.headers.get(header::USER_AGENT).map(|name| String::from_utf8_lossy(name.as_bytes()));
        Ok(Self { address: address.key(), device: Device::named(&name.unwrap_or_default()) })
    }
}

impl Input for Visitor {
    fn describe(operation: &mut Operation<'_>) {
        operation.refuses(Code::RateLimited);
    }
}

/// All spellings by which PostgreSQL's `lower` finds one account, whatever its locale, and maybe some more: each spelling
/// with a budget of its own would be as many guesses more.
fn folded(email: &str) -> String {
    let lower = email.chars().filter_map(|c| c.to_lowercase().next());
    let alike = |c| match c {
        // In Turkish locales it is what I becomes.
        'ı' => 'i',
        'ς' => 'σ',
        _ => c,
    };
    // The dot that İ leaves in some locales.
    lower.map(alike).filter(|c| *c != '\u{307}').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_an_address_has_a_budget_of_its_own() {
        for (spelling, other) in [
            ("BILL@example.org", "bill@example.org"),
            ("bİll@example.org", "bill@example.org"),
            ("bi\u{307}ll@example.org", "bİll@example.org"),
            ("bıll@example.org", "BILL@example.org"),
            ("ΝΊΚΟΣ@example.org", "νίκος@example.org"),
            ("\u{212A}im@example.org", "kim@example.org"),
        ] {
            assert_eq!(folded(spelling), folded(other), "{spelling}");
        }
        assert_ne!(folded("ann@example.org"), folded("bob@example.org"));
    }
}
