//! What a credential is good for.

use voxlog_core::position::Class;

use super::*;
use crate::identity::{Credential, Scope};

fn with(scopes: &[Scope]) -> Trial {
    let mut trial = Trial::new();
    trial.says(json!({"id": 0, "op": "hello", "token": "vxk_"}));
    let who = Caller { scopes: scopes.iter().copied().collect(), ..trial.bob_until(900) };
    trial.session.authenticated(number(0), Ok(who.into()), trial.now);
    trial.wanted();
    trial
}

#[test]
fn what_a_key_was_not_made_for_is_refused_before_it_stands_in_line() {
    let ask = |scopes: &[Scope], frame: Value| {
        let mut trial = with(scopes);
        trial.says(frame);
        match &trial.wanted()[..] {
            [Wanted::Run(..)] => "runs".to_owned(),
            [Wanted::Frame(frame)] => frame["code"].as_str().or(frame["op"].as_str()).unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    };
    let frames = [
        (json!({"id": 1, "op": "subscribe", "room": LOBBY}), Some(Scope::Read)),
        (json!({"id": 1, "op": "history", "room": LOBBY, "class": "msg"}), Some(Scope::Read)),
        (json!({"id": 1, "op": "message.send", "room": LOBBY, "content": "hi"}), Some(Scope::Write)),
        (json!({"id": 1, "op": "room.create", "name": "Attic"}), Some(Scope::Write)),
        (json!({"id": 1, "op": "room.leave", "room": LOBBY}), Some(Scope::Write)),
        (json!({"id": 1, "op": "room.kick", "room": LOBBY, "userId": ATTIC}), Some(Scope::Moderate)),
        (json!({"id": 1, "op": "room.role", "room": LOBBY, "userId": ATTIC, "role": "admin"}), Some(Scope::Moderate)),
        (json!({"id": 1, "op": "ping"}), None),
    ];
    for (frame, needed) in frames {
        let answered = if needed.is_some() { "runs" } else { "pong" };
        assert_eq!(ask(&Scope::ALL, frame.clone()), answered, "{frame}");
        let others: Vec<_> = Scope::ALL.into_iter().filter(|scope| Some(*scope) != needed).collect();
        let answered = if needed.is_some() { "forbidden" } else { "pong" };
        assert_eq!(ask(&others, frame.clone()), answered, "{frame}");
    }
}

#[test]
fn who_came_by_a_join_token_takes_part_in_that_call_and_in_nothing_else() {
    let ask = |frame: &Value| {
        let mut trial = Trial::new();
        let who = Caller { credential: Credential::JoinToken(LOBBY.parse().unwrap()), ..trial.bob_until(900) };
        trial.session.authenticated(number(0), Ok(who.into()), trial.now);
        trial.wanted();
        assert!(trial.session.may_hear(Class::Call) && !trial.session.may_hear(Class::Msg));
        trial.says(frame.clone());
        match &trial.wanted()[..] {
            [Wanted::Frame(frame)] if frame["op"] == "error" => frame["code"].as_str().unwrap().to_owned(),
            [_] => "ok".to_owned(),
            other => panic!("{other:?}"),
        }
    };
    let of_room = [
        json!({"op": "voice.join"}),
        json!({"op": "voice.update", "muted": true}),
        json!({"op": "voice.leave"}),
        json!({"op": "voice.end"}),
        json!({"op": "voice.token"}),
        json!({"op": "voice.signal", "to": ATTIC, "data": null}),
        json!({"op": "subscribe"}),
        json!({"op": "unsubscribe"}),
        json!({"op": "history", "class": "call"}),
        json!({"op": "history", "class": "ctl"}),
    ];
    for mut frame in of_room {
        for (room, answered) in [(LOBBY, "ok"), (ATTIC, "forbidden")] {
            (frame["id"], frame["room"]) = (json!(1), json!(room));
            assert_eq!(ask(&frame), answered, "{frame}");
        }
    }
    assert_eq!(ask(&json!({"id": 1, "op": "ping"})), "ok");
    for frame in [
        json!({"id": 1, "op": "hello", "token": "t"}),
        json!({"id": 1, "op": "history", "room": LOBBY, "class": "msg"}),
        json!({"id": 1, "op": "message.send", "room": LOBBY, "content": "hi"}),
        json!({"id": 1, "op": "room.leave", "room": LOBBY}),
        json!({"id": 1, "op": "typing.start", "room": LOBBY}),
        json!({"id": 1, "op": "presence.update", "status": "away"}),
    ] {
        assert_eq!(ask(&frame), "forbidden", "{frame}");
    }
}
