//! Who is let in.

use super::*;

#[test]
fn a_token_that_verifies_opens_the_session() {
    let mut trial = Trial::new();
    trial.says(json!({"id": "h", "op": "hello", "token": "t"}));
    assert_eq!(trial.wanted(), [Wanted::Authenticate("t".to_owned())]);
    trial.session.authenticated(FrameId::Text("h".to_owned()), Ok(trial.bob_until(900).into()), trial.now);
    let Some(Wanted::Frame(welcome)) = trial.wanted().pop() else { panic!("no welcome") };
    assert_eq!((&welcome["op"], &welcome["id"], &welcome["user"]), (&json!("welcome"), &json!("h"), &json!(LOBBY)));
    assert_eq!(welcome["limits"]["frameBytes"], 65_536);
}

#[test]
fn the_token_of_the_upgrade_serves_a_hello_without_one() {
    let mut trial = Trial::with(Config::with_key(""), Some(Secret::from("offered".to_owned())));
    trial.says(json!({"id": 1, "op": "hello"}));
    assert_eq!(trial.wanted(), [Wanted::Authenticate("offered".to_owned())]);
}

#[test]
fn a_hello_with_no_token_at_all_is_refused_and_may_be_repeated() {
    let mut trial = Trial::new();
    trial.says(json!({"id": 1, "op": "hello"}));
    assert_eq!(trial.errors(), ["unauthenticated"]);
    trial.says(json!({"id": 2, "op": "hello", "token": "t"}));
    assert_eq!(trial.wanted(), [Wanted::Authenticate("t".to_owned())]);
    let refusal = Failure::new(Code::Unauthenticated, "no");
    trial.session.authenticated(number(2), Err(NotLetIn::Refused(refusal)), trial.now);
    assert_eq!(trial.errors(), ["unauthenticated"]);
}

#[test]
fn anything_before_hello_ends_the_session() {
    let mut trial = Trial::new();
    trial.says(leave(1, LOBBY));
    let wanted = trial.wanted();
    assert!(matches!(&wanted[0], Wanted::Frame(frame) if frame["code"] == "unauthenticated" && frame["id"] == 1));
    assert_eq!(wanted[1..], [Wanted::Close(Close::MissedHello)]);
    trial.says(json!({"id": 2, "op": "hello", "token": "t"}));
    assert_eq!(trial.wanted(), [], "nothing follows a close");
}

#[test]
fn a_hello_that_does_not_come_in_time_ends_the_session() {
    let mut trial = Trial::new();
    assert_eq!(trial.session.wake_at(trial.now), Some(trial.now.instant + HELLO_WITHIN));
    trial.passes(Duration::from_millis(9_999));
    trial.session.frame(Encoding::Json.read_text("{"), trial.now);
    assert_eq!(trial.errors(), ["invalid"], "a broken frame is answered, and does not buy time");
    trial.passes(Duration::from_millis(1));
    assert_eq!(trial.wanted(), [Wanted::Close(Close::MissedHello)]);
}

#[test]
fn a_user_with_too_many_sockets_is_told_and_closed() {
    let mut trial = Trial::new();
    trial.says(json!({"id": 1, "op": "hello", "token": "t"}));
    trial.wanted();
    trial.session.authenticated(number(1), Err(NotLetIn::Crowded), trial.now);
    let wanted = trial.wanted();
    assert!(matches!(&wanted[0], Wanted::Frame(frame) if frame["code"] == "rate_limited"));
    assert_eq!(wanted[1..], [Wanted::Close(Close::TooManySockets)]);
}

#[test]
fn a_new_token_of_the_same_user_extends_the_session_also_of_another_sign_in() {
    let mut trial = Trial::greeted(Config { heartbeat: Duration::from_hours(1), ..Config::with_key("") });
    trial.says(json!({"id": 1, "op": "hello", "token": "later"}));
    assert_eq!(trial.wanted(), [Wanted::Authenticate("later".to_owned())]);
    let who = Caller { session: LOBBY.parse().unwrap(), ..trial.bob_until(1800) };
    trial.session.authenticated(number(1), Ok(who.into()), trial.now);
    assert!(matches!(&trial.wanted()[..], [Wanted::Frame(frame)] if frame["op"] == "welcome"));
    assert_eq!(trial.session.who(), Some(&who), "what it stands and falls with is the new sign-in");
    trial.passes(Duration::from_secs(1700));
    assert_eq!(trial.wanted(), []);
    trial.passes(Duration::from_secs(100));
    assert_eq!(trial.wanted().pop(), Some(Wanted::Close(Close::TokenExpired)));
}

#[test]
fn a_token_of_somebody_else_is_refused_and_changes_nothing() {
    let mut trial = Trial::greeted(Config::with_key(""));
    trial.says(json!({"id": 1, "op": "hello", "token": "other"}));
    trial.wanted();
    let other = Caller { user: user(ATTIC), ..trial.bob_until(9000) };
    trial.session.authenticated(number(1), Ok(other.into()), trial.now);
    assert_eq!(trial.errors(), ["forbidden"]);
    trial.passes(Duration::from_mins(15));
    assert_eq!(trial.wanted().pop(), Some(Wanted::Close(Close::TokenExpired)));
}

#[test]
fn a_hello_may_go_on_with_another_session() {
    let mut trial = Trial::new();
    trial.says(
        json!({"id": 1, "op": "hello", "token": "t", "presence": "away", "resume": {"session": LOBBY, "signals": 7}}),
    );
    let Some(Effect::Authenticate { presence, resume: Some(resume), .. }) = trial.session.next_effect() else {
        panic!("nobody is asked")
    };
    let session = LOBBY.parse().unwrap();
    assert_eq!((presence, resume.session, resume.signals), (Some(Status::Away), session, Seq(7)));
    let let_in = LetIn { who: trial.bob_until(900), resumed: Some(session) };
    trial.session.authenticated(number(1), Ok(let_in), trial.now);
    let Some(Wanted::Frame(welcome)) = trial.wanted().pop() else { panic!("no welcome") };
    assert_eq!((&welcome["session"], &welcome["resumed"]), (&json!(LOBBY), &json!(true)));
    trial.says(json!({"id": 2, "op": "typing.start", "room": LOBBY}));
    assert!(matches!(trial.session.next_effect(), Some(Effect::Run { session: asks, .. }) if asks == session));
}

#[test]
fn only_the_first_hello_resumes() {
    let mut trial = Trial::greeted(Config::with_key(""));
    trial.says(json!({"id": 1, "op": "hello", "token": "t", "resume": {"session": LOBBY}}));
    assert_eq!(trial.errors(), ["invalid"]);
}
