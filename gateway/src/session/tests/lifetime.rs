//! Heartbeats, expiry, and the end.

use super::*;

fn beating() -> Trial {
    Trial::greeted(Config { heartbeat: Duration::from_secs(10), ..Config::with_key("") })
}

#[test]
fn a_heartbeat_comes_at_every_interval() {
    let mut trial = beating();
    for _ in 0..3 {
        trial.passes(Duration::from_secs(9));
        assert_eq!(trial.wanted(), []);
        trial.passes(Duration::from_secs(1));
        assert_eq!(trial.wanted(), [Wanted::Beat]);
        trial.session.alive();
    }
}

#[test]
fn a_client_that_answers_no_heartbeat_is_closed_at_the_third() {
    let mut trial = beating();
    for _ in 0..2 {
        trial.passes(Duration::from_secs(10));
        assert_eq!(trial.wanted(), [Wanted::Beat]);
    }
    trial.passes(Duration::from_secs(10));
    assert_eq!(trial.wanted(), [Wanted::Close(Close::Silent)]);
}

#[test]
fn any_frame_answers_a_heartbeat() {
    let mut trial = beating();
    for id in 0..5 {
        trial.passes(Duration::from_secs(10));
        assert_eq!(trial.wanted(), [Wanted::Beat]);
        trial.says(json!({"id": id, "op": "ping"}));
        assert_eq!(trial.wanted(), [Wanted::Frame(json!({"op": "pong", "id": id}))]);
    }
}

#[test]
fn a_socket_that_could_not_be_written_to_is_not_held_to_the_beats_it_missed() {
    let mut trial = beating();
    trial.passes(Duration::from_mins(5));
    assert_eq!(trial.wanted(), [Wanted::Beat]);
    assert!(trial.session.wake_at(trial.now) >= Some(trial.now.instant + Duration::from_secs(10)));
}

#[test]
fn an_expired_token_takes_no_more_commands_even_before_the_next_tick() {
    let mut trial = beating();
    trial.says(leave(1, LOBBY));
    trial.wanted();
    trial.now.time += Duration::from_mins(15);
    trial.says(leave(2, LOBBY));
    let wanted = trial.wanted();
    assert_eq!(wanted[0], Wanted::Frame(json!({"op": "closing", "code": 4001, "reconnectAfterMs": 0})));
    assert!(matches!(&wanted[1], Wanted::Frame(frame) if frame["id"] == 2 && frame["code"] == "unavailable"));
    assert_eq!(wanted.len(), 2, "what is under way may end");
    trial.session.completed(line(LOBBY), number(1), Ok(done(3)));
    let wanted = trial.wanted();
    assert!(matches!(&wanted[0], Wanted::Frame(frame) if frame["op"] == "ack"));
    assert_eq!(wanted[1..], [Wanted::Close(Close::TokenExpired)]);
}

#[test]
fn a_client_is_asked_for_a_new_token_a_minute_before_the_old_one_expires() {
    let mut trial = Trial::greeted(Config { heartbeat: Duration::from_hours(1), ..Config::with_key("") });
    assert_eq!(trial.session.wake_at(trial.now), Some(trial.now.instant + Duration::from_mins(14)));
    trial.passes(Duration::from_secs(14 * 60 - 1));
    assert_eq!(trial.wanted(), []);
    trial.passes(Duration::from_secs(1));
    assert_eq!(trial.wanted(), [Wanted::Frame(json!({"op": "token", "expiresInMs": 60_000}))]);
    assert_eq!(trial.session.wake_at(trial.now), Some(trial.now.instant + Duration::from_mins(1)));
    trial.passes(Duration::from_secs(59));
    assert_eq!(trial.wanted(), [], "it is asked once");
    trial.passes(Duration::from_secs(1));
    assert_eq!(trial.wanted().pop(), Some(Wanted::Close(Close::TokenExpired)));
    assert_eq!(trial.session.wake_at(trial.now), None);
}

#[test]
fn who_brings_a_new_token_is_asked_again_before_that_one_expires() {
    let mut trial = Trial::greeted(Config { heartbeat: Duration::from_hours(1), ..Config::with_key("") });
    trial.passes(Duration::from_mins(14));
    trial.wanted();
    trial.session.authenticated(number(1), Ok(trial.bob_until(100).into()), trial.now);
    trial.wanted();
    trial.passes(Duration::from_secs(74));
    assert_eq!(trial.wanted(), []);
    trial.passes(Duration::from_secs(1));
    let asked = Wanted::Frame(json!({"op": "token", "expiresInMs": 25_000}));
    assert_eq!(trial.wanted(), [asked], "of a short one, a quarter is left");
}

#[test]
fn a_key_without_an_end_is_never_asked_for_another() {
    let mut trial = Trial::new();
    trial.says(json!({"id": 0, "op": "hello", "token": "vxk_"}));
    let who = Caller { expires: None, credential: Credential::ApiKey, ..trial.bob_until(0) };
    trial.session.authenticated(number(0), Ok(who.into()), trial.now);
    trial.wanted();
    for _ in 0..10 {
        trial.passes(Duration::from_hours(24));
        trial.session.alive();
        assert_eq!(trial.wanted(), [Wanted::Beat]);
    }
}

#[test]
fn a_shutdown_lets_what_is_under_way_end_and_refuses_the_rest() {
    let mut trial = beating();
    trial.says(leave(1, LOBBY));
    trial.says(leave(2, LOBBY));
    trial.wanted();
    trial.session.drain(Close::GoingAway, Duration::from_millis(1500), trial.now);
    let wanted = trial.wanted();
    assert_eq!(wanted[0], Wanted::Frame(json!({"op": "closing", "code": 4000, "reconnectAfterMs": 1500})));
    assert!(matches!(&wanted[1..], [Wanted::Frame(frame)] if frame["id"] == 2 && frame["code"] == "unavailable"));
    trial.says(leave(3, ATTIC));
    assert_eq!(trial.errors(), ["unavailable"]);
    trial.session.completed(line(LOBBY), number(1), Ok(done(3)));
    assert_eq!(trial.wanted().pop(), Some(Wanted::Close(Close::GoingAway)));
}

#[test]
fn a_shutdown_does_not_wait_for_ever() {
    let mut trial = beating();
    trial.says(leave(1, LOBBY));
    trial.session.drain(Close::GoingAway, Duration::ZERO, trial.now);
    trial.wanted();
    trial.passes(Duration::from_millis(4_999));
    assert_eq!(trial.wanted(), []);
    trial.passes(Duration::from_millis(1));
    assert_eq!(trial.wanted(), [Wanted::Close(Close::GoingAway)]);
    trial.session.completed(line(LOBBY), number(1), Ok(done(3)));
    assert!(!trial.wanted().contains(&Wanted::Close(Close::GoingAway)), "it closes once");
}

#[test]
fn an_idle_session_closes_at_once_when_the_node_goes() {
    let mut trial = beating();
    trial.session.drain(Close::GoingAway, Duration::ZERO, trial.now);
    assert_eq!(trial.wanted().pop(), Some(Wanted::Close(Close::GoingAway)));
}
