//! The second factor: on, asked for, off.

use std::sync::Arc;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Algorithm, Builder, Totp};
use voxlog_core::clock::{Clock, ManualClock, SystemClock};
use voxlog_tests::{
    rest::{PASSWORD, Rest},
    world::World,
};

use super::{LOGIN, gateway, login, refusal, refused};

const TOTP: &str = "/api/v1/auth/totp";
const CONFIRM: &str = "/api/v1/auth/totp/confirm";

/// Somebody with a second factor, and the clock that moves it.
struct Factor {
    rest: Rest,
    ann: Rest,
    clock: ManualClock,
    authenticator: Totp,
    recovery_codes: Vec<String>,
}

/// An authenticator that was fed by hand, with what every one of them takes for granted.
fn authenticator(setup: &Value) -> Totp {
    let secret = totp_rs::Secret::try_from_base32(setup["secret"].as_str().unwrap()).unwrap();
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(secret)
        .build()
        .unwrap()
}

impl Factor {
    async fn on() -> Self {
        let clock = ManualClock::at(SystemClock.now());
        let rest = gateway(&World::on_one_server().await, Arc::new(clock.clone())).await;
        let (ann, _) = rest.register("ann").await;
        let setup = ann.post(TOTP, json!({})).await.ok();
        let uri = setup["uri"].as_str().unwrap();
        assert!(uri.starts_with("otpauth://totp/Voxlog:ann?secret=") && uri.contains("issuer=Voxlog"), "{uri}");
        let mut this = Self { rest, ann, clock, authenticator: authenticator(&setup), recovery_codes: Vec::new() };
        let confirmed = this.ann.post(CONFIRM, json!({"code": this.code()})).await.ok();
        let codes = confirmed["recoveryCodes"].as_array().unwrap();
        this.recovery_codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        this
    }

    fn code(&self) -> String {
        self.authenticator.generate(self.clock.now().timestamp().try_into().unwrap()).to_string()
    }

    fn passes(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    async fn login(&self, code: &str) -> (String, Vec<String>) {
        let mut form = login("ann");
        form["totp"] = json!(code);
        let answer = self.rest.post(LOGIN, form).await;
        if answer.status == 200 { ("ok".to_owned(), vec![]) } else { refusal(answer) }
    }
}

fn ok() -> (String, Vec<String>) {
    ("ok".to_owned(), vec![])
}

#[tokio::test]
async fn signing_in_takes_a_code_that_is_good_once() {
    let factor = Factor::on().await;
    let wrong = refused("unauthenticated", &["totp"]);
    assert_eq!(refusal(factor.rest.post(LOGIN, login("ann")).await), wrong, "none");
    assert_eq!(factor.login("000000").await, wrong);
    assert_eq!(factor.login(&factor.code()).await, wrong, "the one that switched it on is used up");
    factor.passes(30);
    assert_eq!(factor.login(&factor.code()).await, ok());
    assert_eq!(factor.login(&factor.code()).await, wrong, "again");
    factor.passes(30);
    let last = factor.code();
    factor.passes(30);
    assert_eq!(factor.login(&last).await, ok(), "a step late");
    factor.passes(60);
    let older = factor.code();
    factor.passes(60);
    assert_eq!(factor.login(&older).await, wrong, "two steps late");
    assert!(factor.ann.get("/api/v1/users/me").await.ok()["totp"].as_bool().unwrap());
}

/// Of two that show the same code at once, one is the second.
#[tokio::test]
async fn a_code_shown_twice_at_once_is_taken_once() {
    let factor = Factor::on().await;
    factor.passes(30);
    let code = factor.code();
    let answers = tokio::join!(factor.login(&code), factor.login(&code), factor.login(&code));
    let taken = [answers.0, answers.1, answers.2].into_iter().filter(|answer| *answer == ok()).count();
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_recovery_code_takes_the_place_of_a_code_once() {
    let factor = Factor::on().await;
    assert_eq!(factor.recovery_codes.len(), 10);
    for code in &factor.recovery_codes[..2] {
        assert_eq!(factor.login(&code.to_lowercase()).await, ok());
        assert_eq!(factor.login(code).await, refused("unauthenticated", &["totp"]));
    }
}

#[tokio::test]
async fn only_who_has_the_password_hears_of_the_second_factor() {
    let factor = Factor::on().await;
    factor.passes(30);
    let form = json!({"email": "ann@example.org", "password": "wrong horse", "totp": factor.code()});
    assert_eq!(refusal(factor.rest.post(LOGIN, form).await), refused("unauthenticated", &[]));
    assert_eq!(factor.login(&factor.code()).await, ok(), "and the code was not used up");
}

#[tokio::test]
async fn it_is_off_until_a_code_is_confirmed() {
    let rest = gateway(&World::on_one_server().await, Arc::new(SystemClock)).await;
    let (ann, _) = rest.register("ann").await;
    assert_eq!(ann.post(CONFIRM, json!({"code": "123456"})).await.code(), "conflict");
    let first = ann.post(TOTP, json!({})).await.ok();
    let second = ann.post(TOTP, json!({})).await.ok();
    assert_ne!(first["secret"], second["secret"], "asked again, it is another");
    assert_eq!(refusal(ann.post(CONFIRM, json!({"code": "12345"})).await), refused("invalid", &["code"]));
    rest.post(LOGIN, login("ann")).await.ok();
    let code = authenticator(&second).generate(SystemClock.now().timestamp().try_into().unwrap()).to_string();
    ann.post(CONFIRM, json!({"code": code})).await.ok();
    assert_eq!(rest.post(LOGIN, login("ann")).await.code(), "unauthenticated");
    assert_eq!(ann.post(CONFIRM, json!({"code": code})).await.code(), "conflict");
    assert_eq!(ann.post(TOTP, json!({})).await.code(), "conflict");
}

#[tokio::test]
async fn it_goes_off_for_who_has_the_password_or_a_code() {
    let factor = Factor::on().await;
    let off = async |proof: Value| factor.ann.send(Method::DELETE, TOTP, proof).await;
    assert_eq!(refusal(off(json!({})).await), refused("invalid", &["code"]));
    assert_eq!(refusal(off(json!({"code": "000000"})).await), refused("invalid", &["code"]));
    assert_eq!(refusal(off(json!({"password": "wrong horse"})).await), refused("invalid", &["password"]));
    assert_eq!(factor.rest.post(LOGIN, login("ann")).await.code(), "unauthenticated", "it is still on");
    assert_eq!(off(json!({"password": PASSWORD})).await.status, 204);
    factor.rest.post(LOGIN, login("ann")).await.ok();
    assert_eq!(off(json!({})).await.status, 204, "again");

    let factor = Factor::on().await;
    factor.passes(30);
    assert_eq!(factor.ann.send(Method::DELETE, TOTP, json!({"code": factor.code()})).await.status, 204);
    factor.rest.post(LOGIN, login("ann")).await.ok();
}

/// Switches somebody's second factor on.
pub(super) async fn switch_on(who: &Rest) {
    let setup = who.post(TOTP, json!({})).await.ok();
    let code = authenticator(&setup).generate(SystemClock.now().timestamp().try_into().unwrap()).to_string();
    who.post(CONFIRM, json!({"code": code})).await.ok();
}
