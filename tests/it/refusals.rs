//! What a refusal says: above all whether one may at all. It says so at once, whatever else is away.

use anyhow::Result;
use serde_json::json;
use voxlog_core::{
    clock::SystemClock,
    id::{MessageId, RoomId},
    message::{self, Draft, Kind},
    room::Settings,
};
use voxlog_gateway::error::Code;
use voxlog_tests::{
    alone::{Alone, a_room},
    client::{Client, Encoding, PATIENCE},
    fill::found_room,
    world::{World, user_id},
};

/// Old messages are looked up in PostgreSQL, and there is none.
#[tokio::test]
async fn a_strangers_commands_about_an_old_message_wait_for_nothing() -> Result<()> {
    let Alone { hub, .. } = &Alone::in_memory().await?;
    let (owner, stranger, old) = (user_id(), user_id(), MessageId::mint(&SystemClock));
    let room = hub.create_room(owner, a_room(Settings::default())).await.expect("a room").room;
    let reply = Draft {
        id: MessageId::mint(&SystemClock),
        content: "hello".to_owned(),
        kind: Kind::Text,
        reply_to: Some(old),
        thread_root: None,
    };
    let emoji = "👋".to_owned();
    let commands = [
        message::Command::Post(reply),
        message::Command::Edit { content: "hello".to_owned() },
        message::Command::Delete,
        message::Command::React { emoji: emoji.clone() },
        message::Command::Unreact { emoji },
        message::Command::Pin,
        message::Command::Unpin,
    ];
    for command in commands {
        let refused = hub.message_command(stranger, room, old, command.clone()).await.expect_err("a stranger");
        assert_eq!(refused.code, Code::NotAMember, "{command:?}");
    }
    let nowhere = hub.message_command(owner, RoomId::mint(&SystemClock), old, message::Command::Delete).await;
    assert_eq!(nowhere.expect_err("there is no such room").code, Code::NotFound);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_a_subscription_is_told_why() -> Result<()> {
    let world = World::on_one_server().await;
    let (node, owner) = (world.gateway().await, user_id());
    for (op, code) in [("room.kick", "not_a_member"), ("room.ban", "banned")] {
        let member = user_id();
        let room = found_room(&world, &node.ws_url(), owner, &[member]).await?;
        let mut client = Client::connect(&node.ws_url(), &world.token(member), Encoding::Json).await?;
        client.call("subscribe", json!({ "room": room })).await?;
        let mut admin = Client::connect(&node.ws_url(), &world.token(owner), Encoding::Json).await?;
        admin.call(op, json!({ "room": room, "userId": member })).await?;
        let ended = client.next_of("error", PATIENCE).await?;
        assert_eq!((&ended["room"], &ended["code"]), (&json!(room), &json!(code)), "{ended}");
        for (op, fields) in [("subscribe", json!({})), ("history", json!({ "class": "msg" }))] {
            let mut fields = fields;
            fields["room"] = json!(room);
            assert_eq!(client.call(op, fields).await.expect_err("they lost it").code(), Some(code), "{op}");
        }
    }
    Ok(())
}
