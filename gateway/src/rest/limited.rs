//! Who asks, and whether they may ask so much.
//!
//! A credential is looked at once, here, before anything else is done. Whoever has a valid one uses up what their user
//! has, all others what their address has, and so does who shows an API key that this gateway does not know yet. What is left is told with every answer
//! (draft-ietf-httpapi-ratelimit-headers-10).

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Problem, client_address::ClientAddress, extract};
use crate::{
    Gateway,
    error::Failure,
    identity::Caller,
    limits::{Budget, Left},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Whose request it is, or why that can't be told. Handlers take a [`Caller`] out of it.
#[derive(Debug, Clone)]
pub(super) struct Asking(pub(super) Result<Caller, Failure>);

/// Finds out who asks, counts the request and hands it on.
pub(super) async fn limited(
    State(gateway): State<Arc<Gateway>>,
    address: ClientAddress,
    mut request: Request,
    next: Next,
) -> Response {
    match count(&gateway, address, request.headers()).await {
        Ok((caller, left)) => {
            request.extensions_mut().insert(Asking(caller));
            let mut response = next.run(request).await;
            tell(&left, response.headers_mut());
            response
        }
        Err((budget, failure)) => {
            let (policy, wait) = (gateway.limits.policy(budget), failure.retry_after.unwrap_or_default());
            let mut response = Problem::from(failure).into_response();
            tell(&[Left { budget, policy, remaining: 0, full_in: wait }], response.headers_mut());
            response
        }
    }
}

/// Counts the upgrade to a socket: whose it will be is not known yet.
pub(crate) async fn limited_by_address(
    State(gateway): State<Arc<Gateway>>,
    address: ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    match gateway.limits.take(Budget::Address, &address.key(), 1) {
        Ok(_) => next.run(request).await,
        Err(failure) => Problem::from(failure).into_response(),
    }
}

/// Who shows a credential on a socket. What must be looked up costs the address something, as [`count`] has it.
pub(crate) async fn authenticate(
    gateway: &Gateway,
    address: ClientAddress,
    credential: &str,
) -> Result<Caller, Failure> {
    if gateway.identity.must_look_up(credential) {
        gateway.limits.take(Budget::Address, &address.key(), 1)?;
    }
    gateway.identity.authenticate(credential).await
}

/// Who asks, and what is left of what they have. What must be looked up costs the address something first, whosever it
/// is: so made up keys are refused before they cost the database anything.
async fn count(
    gateway: &Gateway,
    address: ClientAddress,
    headers: &HeaderMap,
) -> Result<(Result<Caller, Failure>, Vec<Left>), (Budget, Failure)> {
    let take = |budget, key: &str| gateway.limits.take(budget, key, 1).map_err(|failure| (budget, failure));
    let take_address = || take(Budget::Address, &address.key());
    let key = extract::api_key(headers);
    let looked_up = key.is_some_and(|key| gateway.identity.must_look_up(key)).then(take_address).transpose()?;
    let caller = extract::caller(gateway, headers).await;
    let left = match (&caller, looked_up) {
        (Ok(caller), _) => {
            let of_key = key.map(|key| take(Budget::ApiKey, key)).transpose()?;
            of_key.into_iter().chain([take(Budget::User, &caller.user.to_string())?]).collect()
        }
        (Err(_), Some(left)) => vec![left],
        (Err(_), None) => vec![take_address()?],
    };
    Ok((caller, left))
}

/// `RateLimit-Policy: "user";q=120;w=3` says what holds, `RateLimit: "user";r=119;t=1` what is left and in how many
/// seconds it is whole again.
fn tell(left: &[Left], headers: &mut HeaderMap) {
    let list = |item: fn(&Left) -> String| {
        let items: Vec<_> = left.iter().map(item).collect();
        HeaderValue::try_from(items.join(", ")).expect("names and numbers are plain ASCII")
    };
    let policies = list(|Left { budget, policy, .. }| {
        format!("\"{}\";q={};w={}", budget.as_str(), policy.burst, seconds(policy.window()))
    });
    let now = list(|Left { budget, remaining, full_in, .. }| {
        format!("\"{}\";r={remaining};t={}", budget.as_str(), seconds(*full_in))
    });
    headers.insert(RATE_LIMIT_POLICY, policies);
    headers.insert(RATE_LIMIT, now);
}

/// Whole ones, rounded up.
fn seconds(span: Duration) -> u128 {
    span.as_millis().div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Policy;

    #[test]
    fn what_is_left_is_told_as_the_draft_writes_it() {
        let left = |budget, remaining| Left {
            budget,
            policy: Policy::new(120, 40, Duration::from_secs(1)),
            remaining,
            full_in: Duration::from_millis(1025),
        };
        let mut headers = HeaderMap::new();
        tell(&[left(Budget::ApiKey, 79), left(Budget::User, 80)], &mut headers);
        assert_eq!(headers[RATE_LIMIT_POLICY], "\"api-key\";q=120;w=3, \"user\";q=120;w=3");
        assert_eq!(headers[RATE_LIMIT], "\"api-key\";r=79;t=2, \"user\";r=80;t=2");
    }
}
