//! Every op of the sockets: its good answer and what else it may answer, as one table an op in `snapshots/`.
//!
//! What any op answers to a frame that lacks a field, has a wrong one or comes from the wrong person is asked of all of
//! them alike; what only one of them refuses is played out in `story.rs`. Who may do what is the matter of `matrix.rs`.

use std::{fmt::Write, sync::Arc};

use anyhow::Result;
use serde_json::{Value, json};
use voxlog_core::clock::SystemClock;
use voxlog_gateway::{close::Close, config::Config, protocol::ops::OPS};
use voxlog_tests::{
    client::{Client, Encoding, Gone, PATIENCE},
    world::{World, user_id},
};

use play::Play;

mod play;
mod story;

#[tokio::test(flavor = "multi_thread")]
async fn every_op_answers_like_this() -> Result<()> {
    let mut play = Play::begin().await?;
    circumstances(&mut play).await?;
    story::tell(&mut play).await?;
    for op in OPS {
        let lines = play.told(op);
        assert!(lines.iter().any(|line| !line.contains(r#""op":"error""#)), "{op} is answered well once: {lines:#?}");
        let mut table = String::new();
        for line in lines {
            writeln!(table, "{line}")?;
        }
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("op_{op}"), table);
        });
    }
    Ok(())
}

/// A frame of the op that nothing is wrong with, apart from who sends it and where.
fn good(op: &str, play: &Play, room: &Value) -> Value {
    let (user, message) = (play.id_of("zoe"), play.message());
    let mut fields = match op {
        "hello" => return json!({"token": play.token("bob")}),
        "ping" => return json!({}),
        "presence.update" => return json!({"status": "away"}),
        "room.create" => return json!({"name": "Cellar"}),
        "room.kick" | "room.ban" | "room.unban" | "room.mute" | "room.unmute" | "room.approve" | "room.deny" => {
            json!({"userId": user})
        }
        "room.role" => json!({"userId": user, "role": "admin"}),
        "room.update" => json!({"description": "A place."}),
        "room.uninvite" => json!({"inviteId": "JBCOntcPuCTr97yYcBGq1A"}),
        "message.send" => json!({"content": "hello"}),
        "message.edit" => json!({"messageId": message, "content": "Hello!"}),
        "message.delete" | "message.pin" | "message.unpin" => json!({"messageId": message}),
        "reaction.add" | "reaction.remove" => json!({"messageId": message, "emoji": "👍"}),
        "read.mark" => json!({"seq": 0}),
        "history" => json!({"class": "msg", "limit": 1}),
        "voice.signal" => json!({"to": "01890a5d-ac96-774b-bcce-b302099a8057", "data": {"candidate": ""}}),
        _ => json!({}),
    };
    fields["room"] = room.clone();
    fields
}

/// What is wrong with a frame, or with who sends it, whatever it asks for.
async fn circumstances(play: &mut Play) -> Result<()> {
    let (here, gone, nowhere) = (play.room(), play.archived(), json!(user_id()));
    for &op in OPS {
        let fine = good(op, play, &here);
        for field in fine.as_object().into_iter().flatten().map(|(field, _)| field) {
            let mut frame = fine.clone();
            frame[field] = json!([[]]);
            play.ask("ada", op, &format!("a wrong {field}"), frame).await?;
            let mut frame = fine.clone();
            frame.as_object_mut().expect("fields").remove(field);
            // Otherwise it would be a good frame without it.
            if !matches!((op, field.as_str()), ("history", "limit") | ("room.update", "description") | ("hello", _)) {
                play.ask("ada", op, &format!("no {field}"), frame).await?;
            }
        }
        let mut frame = fine.clone();
        frame["utnil"] = json!(1);
        play.ask("ada", op, "a field that it does not have", frame).await?;
        if matches!(op, "hello" | "ping" | "room.create" | "presence.update") {
            continue;
        }
        play.ask("ada", op, "a room that is not there", good(op, play, &nowhere)).await?;
        play.ask("sam", op, "not a member", fine.clone()).await?;
        play.ask("ben", op, "banned", fine.clone()).await?;
        if !matches!(op, "room.leave" | "room.archive") {
            play.ask("ada", op, "an archived room", good(op, play, &gone)).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_op_has_its_limit_and_tells_when_it_may_be_asked_again() -> Result<()> {
    const BURST: u32 = 5;
    let world = World::on_one_server().await;
    let slow = |config: &mut Config| (config.limits.commands_per_s, config.limits.commands_burst) = (1, BURST);
    let node = world.gateway_with(slow, Arc::new(SystemClock)).await;
    let mut client = Client::connect(&node.ws_url(), &world.token(user_id()), Encoding::Json).await?;
    let play = Play::unstaged();
    for op in OPS {
        let mut refused = None;
        // A frame that is no command costs a part of one.
        for _ in 0..20 * BURST {
            let answer = client.ask(op, good(op, &play, &json!(user_id()))).await?;
            refused = (answer["code"] == "rate_limited").then_some(answer);
            if refused.is_some() {
                break;
            }
        }
        let refused = refused.unwrap_or_else(|| panic!("{op} has no limit"));
        assert!(refused["retryAfterMs"].as_u64().is_some_and(|ms| ms > 0), "{op}: {refused}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_before_hello_but_that_it_comes_first() -> Result<()> {
    let world = World::on_one_server().await;
    let node = world.gateway().await;
    for op in OPS.iter().filter(|op| **op != "hello") {
        let mut client = Client::open(&node.ws_url(), Encoding::Json, None).await?;
        let play = Play::unstaged();
        let refusal = client.ask(op, good(op, &play, &json!(user_id()))).await?;
        assert_eq!(refusal["code"], "unauthenticated", "{op}: {refusal}");
        let missed = Gone::Closed(Close::MissedHello.code(), Close::MissedHello.reason().to_owned());
        assert_eq!(client.closed(PATIENCE).await, missed, "{op}");
    }
    Ok(())
}
