//! What a credential is good for.

use super::*;
use crate::identity::Scope;

fn with(scopes: &[Scope]) -> Trial {
    let mut trial = Trial::new();
    trial.says(json!({"id": 0, "op": "hello", "token": "vxk_"}));
    let who = Caller { scopes: scopes.iter().copied().collect(), ..trial.bob_until(900) };
    trial.session.authenticated(number(0), Ok(who), trial.now);
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
