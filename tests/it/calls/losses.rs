//! Who loses the seat or the voice is out of the call at that event, wherever one looks.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Stage, people, texts};

/// How somebody loses a place in a call without leaving it.
#[derive(Clone, Copy)]
struct Loss {
    /// What is asked for.
    op: &'static str,
    /// Whether the owner asks for it, about a member, or the member of themselves.
    by_owner: bool,
    /// Whether nobody is left.
    ends: bool,
}

const LOSSES: [Loss; 5] = [
    Loss { op: "room.kick", by_owner: true, ends: false },
    Loss { op: "room.ban", by_owner: true, ends: false },
    Loss { op: "room.mute", by_owner: true, ends: false },
    Loss { op: "room.leave", by_owner: false, ends: false },
    Loss { op: "room.archive", by_owner: true, ends: true },
];

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_the_seat_or_the_voice_is_out_at_that_event_everywhere() -> Result<()> {
    for loss in LOSSES {
        lose(loss).await.with_context(|| loss.op)?;
    }
    Ok(())
}

async fn lose(loss: Loss) -> Result<()> {
    let stage = Stage::set().await?;
    let _projector = stage.world.projector().await;
    let (mut ada, mut bob) = (stage.socket(stage.ada, 0).await?, stage.socket(stage.bob, 1).await?);
    ada.call("voice.join", stage.here()).await?;
    bob.call("voice.join", stage.here()).await?;
    stage.agree_on(&[stage.ada, stage.bob]).await;
    let names_member = loss.by_owner && loss.op != "room.archive";
    let whom = if names_member { json!({ "room": stage.room, "userId": stage.bob }) } else { stage.here() };
    let ack = if loss.by_owner { ada.call(loss.op, whom).await? } else { bob.call(loss.op, whom).await? };
    let lost_at = ack["seq"].as_u64().context("a seq")?;
    let left: &[_] = if loss.ends { &[] } else { &[stage.ada] };
    stage.agree_on(left).await;

    for node in 0..2 {
        let call_at = async |at: u64| {
            let path = format!("/api/v1/rooms/{}/state?at={at}", stage.room);
            stage.rest(stage.ada, node).get(&path).await.ok()["call"].clone()
        };
        assert_eq!(people(&call_at(lost_at - 1).await), texts(&[stage.ada, stage.bob]), "{} on node {node}", loss.op);
        assert_eq!(people(&call_at(lost_at).await), texts(left), "{} on node {node}", loss.op);
    }

    stage.world.caught_up().await;
    let history = stage.rest(stage.ada, 1).get(&format!("/api/v1/rooms/{}/calls", stage.room)).await.ok();
    let call = &history["data"][0];
    assert_eq!(people(call), texts(&[stage.ada, stage.bob]));
    assert!(call["participants"][1]["leftAt"].is_string(), "{call:#}");
    assert_eq!(call["endedAt"].is_string(), loss.ends);
    assert_eq!(call["participants"][0]["leftAt"].is_string(), loss.ends);

    let outside = match loss.op {
        "room.ban" => ["banned", "banned"],
        "room.mute" => ["conflict", "muted"],
        "room.archive" => ["conflict", "room_archived"],
        _ => ["not_a_member", "not_a_member"],
    };
    let update = json!({ "room": stage.room, "muted": true });
    for (op, fields, code) in [("voice.update", update, outside[0]), ("voice.join", stage.here(), outside[1])] {
        assert_eq!(bob.call(op, fields).await.expect_err("they are out").code(), Some(code), "{op} after {}", loss.op);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_last_participant_is_kicked_is_over() -> Result<()> {
    let stage = Stage::set().await?;
    let (mut ada, mut bob) = (stage.socket(stage.ada, 0).await?, stage.socket(stage.bob, 1).await?);
    let first = bob.call("voice.join", stage.here()).await?;
    ada.call("room.kick", json!({ "room": stage.room, "userId": stage.bob })).await?;
    stage.agree_on(&[]).await;
    assert_eq!(stage.call(1).await, Value::Null);
    let next = ada.call("voice.join", stage.here()).await?;
    assert_ne!(next["call"]["callId"], first["call"]["callId"]);
    bob.call("room.join", stage.here()).await?;
    let both = bob.call("voice.join", stage.here()).await?;
    assert_eq!(people(&both["call"]), texts(&[stage.ada, stage.bob]), "they were out, so they may come in again");
    Ok(())
}
