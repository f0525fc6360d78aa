//! What only one op answers, played out in an order that makes sense.

use anyhow::Result;
use serde_json::{Value, json};
use voxlog_core::{clock::SystemClock, id::MessageId, message::MAX_CONTENT_CHARS, position::Seq};
use voxlog_tests::world::{until, user_id};

use super::play::Play;

pub(super) async fn tell(play: &mut Play) -> Result<()> {
    connection(play).await?;
    rooms(play).await?;
    doors(play).await?;
    moderation(play).await?;
    guests(play).await?;
    messages(play).await?;
    calls(play).await?;
    slow_mode(play).await
}

async fn connection(play: &mut Play) -> Result<()> {
    let (room, own, another) = (play.room(), play.token("ada"), play.token("bob"));
    play.ask("ada", "hello", "with a token again", json!({"token": own, "presence": "online"})).await?;
    play.ask("ada", "hello", "somebody else's token", json!({"token": another})).await?;
    play.ask("ada", "hello", "a token that does not verify", json!({"token": "x.y.z"})).await?;
    play.ask("ada", "hello", "no token", json!({})).await?;
    play.ask("ada", "hello", "a presence that there is not", json!({"presence": "asleep"})).await?;
    let resume = json!({"token": play.token("ada"), "resume": {"session": user_id()}});
    play.ask("ada", "hello", "to resume another session now", resume).await?;
    play.ask("ada", "ping", "at any time", json!({})).await?;
    play.ask("zoe", "subscribe", "for the first time", json!({"room": room})).await?;
    play.ask("zoe", "subscribe", "with a cursor", json!({"room": room, "cursor": {"ctl": 0}})).await?;
    play.ask("zoe", "subscribe", "ahead of the log", json!({"room": room, "cursor": {"msg": Seq::MAX}})).await?;
    play.ask("zoe", "subscribe", "a cursor with another class", json!({"room": room, "cursor": {"x": 1}})).await?;
    play.ask("zoe", "unsubscribe", "from an open room", json!({"room": room})).await?;
    play.ask("zoe", "unsubscribe", "again", json!({"room": room})).await?;
    play.ask("bob", "history", "the last message", json!({"room": room, "class": "msg", "limit": 1})).await?;
    play.ask("bob", "history", "all limits crossed", json!({"room": room, "class": "msg", "limit": 201})).await?;
    let both = json!({"room": room, "class": "msg", "after": 1, "before": 9});
    play.ask("bob", "history", "after and before", both).await?;
    // After every `subscribed`, which shows it when the next tick has passed.
    play.ask("ada", "presence.update", "not to be disturbed", json!({"status": "dnd"})).await?;
    play.ask("ada", "presence.update", "gone, while here", json!({"status": "offline"})).await?;
    play.ask("bob", "typing.start", "a member", json!({"room": room})).await?;
    play.ask("bob", "typing.start", "again", json!({"room": room})).await?;
    play.ask("bob", "typing.stop", "a member", json!({"room": room})).await?;
    Ok(())
}

async fn rooms(play: &mut Play) -> Result<()> {
    let room = play.room();
    let form = |settings: Value| json!({"name": "Cellar", "settings": settings});
    let created = play.ask("ada", "room.create", "with everything", form(json!({"isPublic": true}))).await?;
    play.name(&created["room"], "CELLAR");
    play.ask("gus", "room.create", "a guest", form(json!({}))).await?;
    play.ask("ada", "room.create", "a blank name", json!({"name": " "})).await?;
    play.ask("ada", "room.create", "one seat", json!({"name": "Cell", "maxUsers": 1})).await?;
    play.ask("ada", "room.create", "a setting that there is not", form(json!({"colour": "red"}))).await?;
    play.ask("ada", "room.create", "a setting of a later version", form(json!({"retentionDays": 7}))).await?;
    play.ask("amir", "room.update", "an admin", json!({"room": room, "settings": {"slowModeS": 0}})).await?;
    play.ask("bob", "room.update", "a member", json!({"room": room, "name": "Mine"})).await?;
    play.ask("ada", "room.update", "fewer seats than members", json!({"room": room, "maxUsers": 2})).await?;
    play.ask("ada", "room.update", "too slow", json!({"room": room, "settings": {"slowModeS": 21601}})).await?;
    play.ask("amir", "room.archive", "an admin", json!({"room": room})).await?;
    play.ask("ada", "room.archive", "the owner", json!({"room": created["room"]})).await?;
    play.ask("ada", "room.archive", "again", json!({"room": created["room"]})).await?;
    play.ask("bob", "room.code", "a member", json!({"room": room})).await?;
    play.ask("amir", "room.code", "an admin", json!({"room": room})).await?;
    Ok(())
}

async fn doors(play: &mut Play) -> Result<()> {
    let narrow =
        play.found("NARROW", json!({"name": "Narrow", "maxUsers": 2, "settings": {"isPublic": true}}), &["bob"]);
    let narrow = narrow.await?;
    play.ask("sam", "room.join", "every seat taken", json!({"room": narrow})).await?;
    play.ask("gus", "room.join", "a guest where none are", json!({"room": narrow})).await?;
    play.ask("bob", "room.join", "a member already", json!({"room": narrow})).await?;
    play.ask("ben", "room.join", "a code of nobody's", json!({"code": "2222222222"})).await?;
    play.ask("sam", "room.leave", "not a member", json!({"room": narrow})).await?;
    play.ask("ada", "room.leave", "the owner", json!({"room": narrow})).await?;
    play.ask("bob", "room.leave", "a member", json!({"room": narrow})).await?;
    play.ask("sam", "room.join", "a public room", json!({"room": narrow})).await?;

    let asking = json!({"name": "Club", "maxUsers": 3, "settings": {"isPublic": true, "requireApproval": true}});
    let club = play.found("CLUB", asking, &[]).await?;
    let of = |play: &Play, who: &str| json!({"room": club, "userId": play.id_of(who)});
    for who in ["sam", "bob", "zoe", "mia"] {
        play.ask(who, "room.join", "where admins approve", json!({"room": club})).await?;
    }
    play.ask("ada", "room.approve", "who has asked", of(play, "sam")).await?;
    play.ask("ada", "room.approve", "again", of(play, "sam")).await?;
    play.ask("sam", "room.approve", "a member", of(play, "bob")).await?;
    play.ask("ada", "room.approve", "who has not asked", of(play, "ben")).await?;
    play.ask("ada", "room.approve", "the last seat", of(play, "bob")).await?;
    play.ask("ada", "room.approve", "no seat left", of(play, "mia")).await?;
    play.ask("sam", "room.deny", "a member", of(play, "zoe")).await?;
    play.ask("ada", "room.deny", "who has asked", of(play, "zoe")).await?;
    play.ask("ada", "room.deny", "again", of(play, "zoe")).await?;
    play.ask("mia", "room.leave", "who has asked", json!({"room": club})).await?;

    play.ask("ada", "room.update", "more seats", json!({"room": club, "maxUsers": 9})).await?;
    play.ask("sam", "room.invite", "a member", json!({"room": club})).await?;
    play.ask("ada", "room.invite", "for nobody", json!({"room": club, "maxUses": 0})).await?;
    let invite = json!({"room": club, "maxUses": 1, "expiresInS": 3600});
    let invited = play.ask("ada", "room.invite", "for one, for an hour", invite).await?;
    let by_code = json!({"code": invited["code"]});
    until("the first code is known", async || {
        play.person("mia").client.call("room.join", by_code.clone()).await.is_ok()
    })
    .await;
    play.ask("mia", "room.join", "by its code, a member already", json!({"room": club, "code": invited["code"]}))
        .await?;
    let second = play.ask("ada", "room.invite", "for anybody", json!({"room": club})).await?;
    let by_code = json!({"code": second["code"]});
    until("the second code is known", async || {
        play.person("mia").client.call("room.join", by_code.clone()).await.is_ok()
    })
    .await;
    play.ask("zoe", "room.join", "by its code alone", by_code).await?;
    let uninvite = json!({"room": club, "inviteId": second["inviteId"]});
    play.ask("sam", "room.uninvite", "a member", uninvite.clone()).await?;
    play.ask("ada", "room.uninvite", "an invite", uninvite.clone()).await?;
    play.ask("ada", "room.uninvite", "again", uninvite).await?;
    Ok(())
}

async fn moderation(play: &mut Play) -> Result<()> {
    let room = play.room();
    let of = |play: &Play, who: &str, more: Value| {
        let mut fields = json!({"room": room, "userId": play.id_of(who)});
        fields.as_object_mut().expect("fields").extend(more.as_object().cloned().unwrap_or_default());
        fields
    };
    for op in ["room.kick", "room.ban", "room.unban", "room.mute", "room.unmute"] {
        play.ask("bob", op, "a member", of(play, "zoe", json!({}))).await?;
        play.ask("amir", op, "the owner", of(play, "ada", json!({}))).await?;
        play.ask("ada", op, "oneself", of(play, "ada", json!({}))).await?;
    }
    for op in ["room.kick", "room.mute"] {
        play.ask("ada", op, "who is not a member", of(play, "sam", json!({}))).await?;
    }
    for op in ["room.kick", "room.ban", "room.mute"] {
        play.ask("ada", op, "a long reason", of(play, "zoe", json!({"reason": "r".repeat(201)}))).await?;
    }
    for op in ["room.ban", "room.mute"] {
        play.ask("ada", op, "until yesterday", of(play, "zoe", json!({"until": "2026-01-01T00:00:00Z"}))).await?;
    }
    let until = json!({"until": "2100-01-01T00:00:00Z", "reason": "shouting"});
    play.ask("amir", "room.mute", "with an end", of(play, "zoe", until.clone())).await?;
    play.ask("amir", "room.unmute", "who is muted", of(play, "zoe", json!({}))).await?;
    play.ask("amir", "room.unmute", "who is not", of(play, "zoe", json!({}))).await?;
    play.ask("amir", "room.ban", "with an end", of(play, "zoe", until)).await?;
    play.ask("amir", "room.unban", "who is banned", of(play, "zoe", json!({}))).await?;
    play.ask("amir", "room.unban", "who is not", of(play, "zoe", json!({}))).await?;

    let club = play.found("THEATRE", json!({"name": "Theatre"}), &["bob", "zoe", "mia"]).await?;
    let of = |play: &Play, who: &str, role: &str| json!({"room": club, "userId": play.id_of(who), "role": role});
    let zoe = json!({"room": club, "userId": play.id_of("zoe")});
    play.ask("ada", "room.kick", "a member", zoe).await?;
    play.ask("bob", "room.role", "a member", of(play, "mia", "admin")).await?;
    play.ask("ada", "room.role", "a role for who is not here", of(play, "zoe", "admin")).await?;
    play.ask("ada", "room.role", "a member made a guest", of(play, "bob", "guest")).await?;
    play.ask("ada", "room.role", "a role that there is not", of(play, "bob", "king")).await?;
    play.ask("ada", "room.role", "of oneself", of(play, "ada", "member")).await?;
    play.ask("ada", "room.role", "a member made an admin", of(play, "bob", "admin")).await?;
    let muted = json!({"room": club, "userId": play.id_of("mia")});
    play.person("ada").client.call("room.mute", muted).await?;
    play.ask("ada", "room.role", "handed over to who is muted", of(play, "mia", "owner")).await?;
    play.ask("ada", "room.role", "handed over", of(play, "bob", "owner")).await?;
    Ok(())
}

async fn messages(play: &mut Play) -> Result<()> {
    let (room, message) = (play.room(), play.message());
    let says = |content: &str, more: Value| {
        let mut fields = json!({"room": room, "content": content});
        fields.as_object_mut().expect("fields").extend(more.as_object().cloned().unwrap_or_default());
        fields
    };
    let own = json!(MessageId::mint(&SystemClock));
    play.name(&own, "OWN");
    play.ask("bob", "message.send", "under a name", says("one", json!({"messageId": own}))).await?;
    play.ask("bob", "message.send", "the same again", says("one", json!({"messageId": own}))).await?;
    play.ask("bob", "message.send", "the same name for another", says("two", json!({"messageId": own}))).await?;
    play.ask("bob", "message.send", "an answer", says("two", json!({"replyTo": own, "threadRoot": own}))).await?;
    play.ask("bob", "message.send", "an answer to nothing", says("two", json!({"replyTo": user_id()}))).await?;
    play.ask("bob", "message.send", "blank", says(" ", json!({}))).await?;
    play.ask("bob", "message.send", "too long", says(&"é".repeat(MAX_CONTENT_CHARS + 1), json!({}))).await?;
    play.ask("bob", "message.send", "a file", says("x", json!({"type": "file"}))).await?;
    play.ask("bob", "message.send", "with attachments", says("x", json!({"attachments": [1]}))).await?;
    play.ask("bob", "message.send", "as the system", says("x", json!({"type": "system"}))).await?;
    play.ask("mia", "message.send", "muted", says("x", json!({}))).await?;

    let of = |message: &Value, more: Value| {
        let mut fields = json!({"room": room, "messageId": message});
        fields.as_object_mut().expect("fields").extend(more.as_object().cloned().unwrap_or_default());
        fields
    };
    let (nothing, content, emoji) = (json!(user_id()), json!({"content": "two!"}), json!({"emoji": "👍"}));
    for (op, more) in [("message.edit", content.clone()), ("reaction.add", emoji.clone())] {
        play.ask("mia", op, "muted", of(&message, more)).await?;
    }
    for (op, more) in [
        ("message.edit", &content),
        ("message.delete", &json!({})),
        ("message.pin", &json!({})),
        ("message.unpin", &json!({})),
        ("reaction.add", &emoji),
        ("reaction.remove", &emoji),
    ] {
        play.ask("amir", op, "a message that is not there", of(&nothing, more.clone())).await?;
    }
    play.ask("ada", "message.edit", "not the author", of(&own, content.clone())).await?;
    play.ask("bob", "message.edit", "the author", of(&own, content)).await?;
    play.ask("bob", "message.edit", "blank", of(&own, json!({"content": ""}))).await?;
    for op in ["reaction.add", "reaction.remove"] {
        play.ask("amir", op, "a member", of(&own, emoji.clone())).await?;
        play.ask("amir", op, "a blank", of(&own, json!({"emoji": " "}))).await?;
    }
    for op in ["message.pin", "message.unpin"] {
        play.ask("bob", op, "a member", of(&own, json!({}))).await?;
        play.ask("amir", op, "an admin", of(&own, json!({}))).await?;
    }
    let read = play.ask("bob", "message.send", "a member", says("the last one", json!({}))).await?["seq"].clone();
    play.ask("bob", "read.mark", "up to the last", json!({"room": room, "seq": read})).await?;
    play.ask("bob", "read.mark", "back", json!({"room": room, "seq": 1})).await?;
    play.ask("bob", "read.mark", "beyond the last", json!({"room": room, "seq": Seq::MAX})).await?;
    play.ask("bob", "message.delete", "the author", of(&own, json!({}))).await?;
    play.ask("bob", "message.delete", "again", of(&own, json!({}))).await?;
    play.ask("bob", "message.edit", "a deleted one", of(&own, json!({"content": "x"}))).await?;
    let words = play.ask("ada", "message.send", "the owner", says("of the owner's", json!({}))).await?;
    play.ask("bob", "message.delete", "not the author", of(&words["messageId"], json!({}))).await?;
    Ok(())
}

/// A call takes two here.
async fn calls(play: &mut Play) -> Result<()> {
    let room = play.room();
    let studio = play.found("STUDIO", json!({"name": "Studio"}), &["bob", "zoe"]).await?;
    play.ask("mia", "typing.start", "muted in the room", json!({"room": room})).await?;
    play.ask("mia", "voice.join", "muted in the room", json!({"room": room})).await?;
    let other = json!({"room": studio, "userId": play.id_of("zoe")});
    play.ask("bob", "voice.token", "for oneself", json!({"room": studio})).await?;
    play.ask("bob", "voice.token", "for another, no admin", other.clone()).await?;
    play.ask("mia", "voice.token", "muted in the room", json!({"room": room})).await?;
    let first = play.ask("ada", "voice.join", "the first", json!({"room": studio, "video": true})).await?;
    play.ask("ada", "voice.token", "for another", other).await?;
    play.ask("ada", "voice.join", "in it already", json!({"room": studio})).await?;
    play.ask("ada", "voice.join", "in another call", json!({"room": room})).await?;
    play.ask("bob", "voice.join", "the second", json!({"room": studio, "muted": true})).await?;
    play.ask("zoe", "voice.join", "every place taken", json!({"room": studio})).await?;
    play.ask("bob", "voice.update", "in the call", json!({"room": studio, "muted": false, "screen": true})).await?;
    play.ask("bob", "voice.update", "the same again", json!({"room": studio, "muted": false})).await?;
    play.ask("bob", "voice.update", "nothing kept", json!({"room": studio, "speaking": true})).await?;
    play.ask("zoe", "voice.update", "not in the call", json!({"room": studio, "muted": true})).await?;
    play.ask("zoe", "voice.leave", "not in the call", json!({"room": studio})).await?;
    let to = &first["call"]["participants"][0]["session"];
    let signal = json!({"room": studio, "to": to, "data": {"type": "offer", "sdp": "v=0"}});
    play.ask("bob", "voice.signal", "to another device in the call", signal.clone()).await?;
    play.ask("zoe", "voice.signal", "not in the call", signal.clone()).await?;
    play.ask("bob", "voice.end", "not having begun it", json!({"room": studio})).await?;
    play.ask("bob", "voice.leave", "in the call", json!({"room": studio})).await?;
    play.ask("bob", "voice.signal", "no more in the call", signal).await?;
    play.ask("bob", "voice.leave", "again", json!({"room": studio})).await?;
    play.ask("ada", "voice.leave", "the last", json!({"room": studio})).await?;
    play.ask("bob", "voice.join", "another call", json!({"room": studio})).await?;
    play.ask("bob", "voice.end", "having begun it", json!({"room": studio})).await?;
    play.ask("bob", "voice.end", "again", json!({"room": studio})).await?;
    Ok(())
}

async fn guests(play: &mut Play) -> Result<()> {
    let form = json!({"name": "Fair", "settings": {"isPublic": true, "allowGuests": true}});
    let room = play.found("FAIR", form, &[]).await?;
    play.ask("gus", "room.join", "a guest where they may", json!({"room": room})).await?;
    let admin = json!({"room": room, "userId": play.id_of("gus"), "role": "admin"});
    play.ask("ada", "room.role", "a guest made an admin", admin).await?;
    Ok(())
}

async fn slow_mode(play: &mut Play) -> Result<()> {
    let slow = json!({"name": "Slow", "settings": {"slowModeS": 3600}});
    let room = play.found("SLOW", slow, &["bob"]).await?;
    let says = json!({"room": room, "content": "one"});
    play.ask("bob", "message.send", "in slow mode", says.clone()).await?;
    play.ask("bob", "message.send", "in slow mode, too soon", says).await?;
    Ok(())
}
