//! The calls that were, over REST.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Stage, people, texts};

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_that_were_are_listed_from_the_latest_back() -> Result<()> {
    let stage = Stage::set().await?;
    let _projector = stage.world.projector().await;
    let (mut ada, mut bob) = (stage.socket(stage.ada, 0).await?, stage.socket(stage.bob, 1).await?);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let joined = ada.call("voice.join", stage.here()).await?;
        ids.push(joined["call"]["callId"].clone());
        for _ in 0..2 {
            bob.call("voice.join", stage.here()).await?;
            bob.call("voice.leave", stage.here()).await?;
        }
        ada.call("voice.leave", stage.here()).await?;
    }
    ids.push(bob.call("voice.join", stage.here()).await?["call"]["callId"].clone());
    stage.world.caught_up().await;

    let path = format!("/api/v1/rooms/{}/calls", stage.room);
    let rest = stage.rest(stage.cleo, 0);
    let mut told = Vec::new();
    let mut next = Value::Null;
    loop {
        let after = next.as_str().map_or(String::new(), |next| format!("&after={next}"));
        let page = rest.get(&format!("{path}?limit=2{after}")).await.ok();
        let rows = page["data"].as_array().context("rows")?;
        told.extend(rows.iter().cloned());
        next = page["next"].clone();
        assert_eq!(page["hasMore"], json!(!next.is_null()));
        if next.is_null() {
            break;
        }
    }
    ids.reverse();
    assert_eq!(told.iter().map(|call| call["callId"].clone()).collect::<Vec<_>>(), ids);
    let (ongoing, ended) = told.split_first().context("calls")?;
    assert_eq!((&ongoing["endedAt"], &ongoing["durationS"]), (&Value::Null, &Value::Null));
    assert_eq!((people(ongoing), &ongoing["startedBy"]), (texts(&[stage.bob]), &json!(stage.bob)));
    for call in ended {
        assert_eq!(people(call), texts(&[stage.ada, stage.bob, stage.bob]), "each time that they were in");
        assert!(call["durationS"].as_u64().is_some_and(|lasted| lasted < 60), "{call:#}");
        assert!(call["participants"].as_array().is_some_and(|all| all.iter().all(|one| one["leftAt"].is_string())));
    }
    Ok(())
}
