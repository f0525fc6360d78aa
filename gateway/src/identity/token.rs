//! Access tokens: JWTs (RFC 7519) signed with Ed25519 (RFC 8037), good for some minutes.
//!
//! Only that algorithm under a known key id is taken, whatever a token says of itself. The time comes from the
//! [`Clock`], not from the library.
//!
//! [`Clock`]: voxlog_core::clock::Clock

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use voxlog_core::{
    clock::Time,
    id::{SessionId, UserId},
};

use super::{
    Access,
    caller::{Caller, Credential},
    keys::Keys,
    scope::Scopes,
};
use crate::error::{Code, Failure};

/// Who signs.
const ISSUER: &str = "voxlog";

/// How far the clocks of two gateways may be apart.
pub(super) const LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// The longest token that is looked at: ours have some 350 characters.
const MAX_LENGTH: usize = 2048;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
    /// Here without an account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    guest: bool,
    /// An operator: the scope `admin` comes with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    operator: bool,
}

/// Whom a token is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) guest: bool,
    pub(super) operator: bool,
}

/// A token from `now` on.
pub(super) fn sign(keys: &Keys, holder: Holder, now: Time, ttl: Duration) -> Result<Access, Failure> {
    let Holder { user, session, guest, operator } = holder;
    let (key, key_id) = keys.signing();
    let header = Header { kid: Some(key_id.clone()), ..Header::new(Algorithm::EdDSA) };
    let iat = now.timestamp();
    let exp = iat.saturating_add_unsigned(ttl.as_secs());
    let claims = Claims { iss: ISSUER.to_owned(), sub: user, sid: session, iat, exp, guest, operator };
    let token = encode(&header, &claims, key).map_err(|error| Failure::internal(&error))?;
    Ok(Access { token, expires: DateTime::from_timestamp(exp, 0).unwrap_or(now) })
}

/// Who holds the token, if it is ours and `now` is not past its end.
pub(super) fn verify(keys: &Keys, token: &str, now: Time) -> Result<Caller, Failure> {
    let claims = read(keys, token).ok_or(Failure::new(Code::Unauthenticated, "the access token is not valid"))?;
    let expires = DateTime::from_timestamp(claims.exp, 0).unwrap_or_default();
    if now >= expires + LEEWAY {
        return Err(Failure::new(Code::Unauthenticated, "the access token has expired"));
    }
    Ok(Caller {
        user: claims.sub,
        session: claims.sid,
        expires: Some(expires),
        guest: claims.guest,
        scopes: Scopes::of_sign_in(claims.operator),
        credential: Credential::Token,
    })
}

fn read(keys: &Keys, token: &str) -> Option<Claims> {
    if token.len() > MAX_LENGTH {
        return None;
    }
    let header = decode_header(token).ok()?;
    let key = keys.verifying(header.kid.as_deref()?)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    validation.validate_exp = false;
    decode(token, key, &validation).ok().map(|data| data.claims)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use jsonwebtoken::EncodingKey;
    use serde_json::{Value, json};
    use voxlog_core::clock::{Clock, ManualClock, SystemClock};

    use super::super::{
        keys::{generate_pem, public_pem},
        scope::Scope,
    };
    use super::*;

    const TTL: Duration = Duration::from_mins(15);

    struct World {
        pem: String,
        keys: Keys,
        clock: ManualClock,
        user: UserId,
        session: SessionId,
    }

    fn world() -> World {
        let pem = generate_pem();
        let clock = ManualClock::at(SystemClock.now());
        let (user, session) = (UserId::mint(&clock), SessionId::mint(&clock));
        World { keys: Keys::new(&pem, &[]).unwrap(), pem, clock, user, session }
    }

    impl World {
        fn token(&self) -> String {
            self.token_of(false)
        }

        fn token_of(&self, guest: bool) -> String {
            let holder = Holder { user: self.user, session: self.session, guest, operator: false };
            sign(&self.keys, holder, self.clock.now(), TTL).unwrap().token
        }

        fn verify(&self, token: &str) -> Result<Caller, Failure> {
            verify(&self.keys, token, self.clock.now())
        }

        fn claims(&self) -> Value {
            let now = self.clock.now().timestamp();
            json!({"iss": ISSUER, "sub": self.user, "sid": self.session, "iat": now, "exp": now + 900})
        }

        /// A token that our own key signs, whatever it says.
        fn forge(&self, header: &Header, claims: &Value) -> String {
            encode(header, claims, &EncodingKey::from_ed_pem(self.pem.as_bytes()).unwrap()).unwrap()
        }

        fn header(&self) -> Header {
            Header { kid: Some(self.keys.signing().1.clone()), ..Header::new(Algorithm::EdDSA) }
        }
    }

    fn refused(outcome: &Result<Caller, Failure>) {
        assert!(matches!(outcome, Err(Failure { code: Code::Unauthenticated, .. })), "{outcome:?}");
    }

    fn part(value: &Value) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
    }

    #[test]
    fn a_token_says_who_holds_it_until_it_expires() {
        let world = world();
        let token = world.token();
        let caller = world.verify(&token).unwrap();
        assert_eq!((caller.user, caller.session), (world.user, world.session));
        world.clock.advance(TimeDelta::seconds(899));
        assert_eq!(world.verify(&token), Ok(caller));
        world.clock.advance(TimeDelta::seconds(7));
        refused(&world.verify(&token));
    }

    #[test]
    fn a_guests_token_says_so() {
        let world = world();
        assert!(world.verify(&world.token_of(true)).unwrap().guest);
        assert!(!world.verify(&world.token()).unwrap().guest);
        let mut claims = world.claims();
        claims["guest"] = json!("no");
        refused(&world.verify(&world.forge(&world.header(), &claims)));
    }

    #[test]
    fn an_operators_token_alone_has_the_scope_admin() {
        let world = world();
        assert!(!world.verify(&world.token()).unwrap().scopes.holds(Scope::Admin));
        let holder = Holder { user: world.user, session: world.session, guest: false, operator: true };
        let token = sign(&world.keys, holder, world.clock.now(), TTL).unwrap().token;
        assert_eq!(world.verify(&token).unwrap().scopes, Scopes::ALL);
    }

    #[test]
    fn a_former_key_verifies_and_a_foreign_one_does_not() {
        let (former, mut world) = (world(), world());
        let token = former.token();
        refused(&world.verify(&token));
        world.keys = Keys::new(&world.pem, &[public_pem(&former.pem).unwrap()]).unwrap();
        assert_eq!(world.verify(&token).map(|caller| caller.user), Ok(former.user));
    }

    #[test]
    fn no_other_algorithm_is_taken() {
        let world = world();
        let kid = world.keys.signing().1;
        let none = format!("{}.{}.", part(&json!({"alg": "none", "kid": kid})), part(&world.claims()));
        refused(&world.verify(&none));
        // The public key as a shared secret: what a verifier that trusts the header would take.
        let public = public_pem(&world.pem).unwrap();
        let der = Keys::new(&world.pem, &[]).unwrap().verifying(kid).unwrap().try_get_as_bytes().unwrap().to_vec();
        for secret in [public.as_bytes(), der.as_slice()] {
            let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
            let token = encode(&header, &world.claims(), &EncodingKey::from_secret(secret)).unwrap();
            refused(&world.verify(&token));
        }
    }

    #[test]
    fn a_token_needs_our_name_a_key_id_and_every_claim() {
        let world = world();
        assert!(world.verify(&world.forge(&world.header(), &world.claims())).is_ok());
        refused(&world.verify(&world.forge(&Header::new(Algorithm::EdDSA), &world.claims())));
        for (claim, value) in [("iss", json!("else")), ("sub", json!("bob")), ("exp", Value::Null), ("sid", json!(1))] {
            let mut claims = world.claims();
            claims[claim] = value;
            refused(&world.verify(&world.forge(&world.header(), &claims)));
        }
    }

    #[test]
    fn a_changed_token_is_refused() {
        let world = world();
        let token = world.token();
        let mut parts: Vec<&str> = token.split('.').collect();
        let mut claims = world.claims();
        claims["sub"] = json!(UserId::mint(&SystemClock));
        let claims = part(&claims);
        parts[1] = &claims;
        refused(&world.verify(&parts.join(".")));
        for text in ["", "..", "a.b.c", &"a".repeat(10_000), &token[..token.len() - 1]] {
            refused(&world.verify(text));
        }
    }
}
