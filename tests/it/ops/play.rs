//! A gateway, a room with everybody in it, and what was answered to whom.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result};
use reqwest::StatusCode;
use serde_json::{Value, json};
use voxlog_core::{
    clock::SystemClock,
    id::{MessageId, UserId},
};
use voxlog_gateway::config::Config;
use voxlog_tests::{
    client::{Client, Encoding},
    rest::Rest,
    world::{Node, Running, World, until, user_id},
};

/// Owner, admin, two members, one who is muted, one who is banned, one who was never here.
const PEOPLE: [&str; 7] = ["ada", "amir", "bob", "zoe", "mia", "ben", "sam"];

/// Everything that the ops are asked on.
pub(crate) struct Play {
    people: HashMap<&'static str, Person>,
    /// What stands for ids that are other ones in every run.
    names: HashMap<String, String>,
    told: HashMap<&'static str, Vec<String>>,
    message: Value,
    stage: Option<(Node, Running)>,
}

pub(crate) struct Person {
    user: UserId,
    token: String,
    pub(crate) client: Client,
}

impl Play {
    /// Nobody is there, nothing has happened: enough to make up frames.
    pub(crate) fn unstaged() -> Self {
        let (people, names, told) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { people, names, told, message: json!(MessageId::mint(&SystemClock)), stage: None }
    }

    pub(crate) async fn begin() -> Result<Self> {
        let world = World::on_one_server().await;
        let change = |config: &mut Config| (config.limits.commands_burst, config.voice.seats) = (1_000_000, 2);
        let node = world.gateway_with(change, Arc::new(SystemClock)).await;
        let projector = world.projector().await;
        let mut play = Self::unstaged();
        // Both encodings say the same; one of each kind of people speaks the other.
        for (number, name) in PEOPLE.into_iter().enumerate() {
            let encoding = if number % 2 == 0 { Encoding::Json } else { Encoding::Msgpack };
            let user = user_id();
            play.enter(name, user, world.token(user), &node, encoding).await?;
        }
        let visitor = json!({"displayName": "Gus"});
        let nobody = Rest::to(&node.url);
        until("there is an identity", async || {
            nobody.post("/api/v1/auth/guest", visitor.clone()).await.status.is_success()
        })
        .await;
        let grant = nobody.post("/api/v1/auth/guest", visitor).await.expect(StatusCode::CREATED);
        let token = grant["token"].as_str().context("a token")?.to_owned();
        let guest = serde_json::from_value(grant["user"]["id"].clone())?;
        play.enter("gus", guest, token, &node, Encoding::Json).await?;
        play.stage = Some((node, projector));

        let room =
            play.found("ROOM", json!({"name": "Lobby", "maxUsers": 20}), &["amir", "bob", "zoe", "mia", "ben"]).await?;
        let of = |play: &Self, name: &str, more: Value| {
            let mut fields = json!({"room": room, "userId": play.id_of(name)});
            fields
                .as_object_mut()
                .into_iter()
                .for_each(|fields| fields.extend(more.as_object().cloned().unwrap_or_default()));
            fields
        };
        let (admin, muted, banned) =
            (of(&play, "amir", json!({"role": "admin"})), of(&play, "mia", json!({})), of(&play, "ben", json!({})));
        for (op, fields) in [("room.role", admin), ("room.mute", muted), ("room.ban", banned)] {
            play.person("ada").client.call(op, fields).await?;
        }
        let said = play.person("bob").client.call("message.send", json!({"room": room, "content": "hi"})).await?;
        play.message = said["messageId"].clone();
        play.name(&said["messageId"], "MESSAGE");
        let archived = play.found("ARCHIVED", json!({"name": "Attic"}), &["bob"]).await?;
        play.person("ada").client.call("room.archive", json!({"room": archived})).await?;
        Ok(play)
    }

    async fn enter(
        &mut self,
        name: &'static str,
        user: UserId,
        token: String,
        node: &Node,
        encoding: Encoding,
    ) -> Result<()> {
        let client = Client::connect(&node.ws_url(), &token, encoding).await?;
        self.name(&json!(user), &name.to_uppercase());
        self.people.insert(name, Person { user, token, client });
        Ok(())
    }

    /// A room of Ada's that others have joined by its code.
    pub(crate) async fn found(&mut self, name: &str, form: Value, members: &[&str]) -> Result<Value> {
        let created = self.person("ada").client.call("room.create", form).await?;
        self.name(&created["room"], name);
        for member in members {
            let join = json!({"room": created["room"], "code": created["code"]});
            self.person(member).client.call("room.join", join).await?;
        }
        Ok(created["room"].clone())
    }

    /// Asks, and writes down what was answered.
    pub(crate) async fn ask(&mut self, who: &str, op: &'static str, case: &str, fields: Value) -> Result<Value> {
        let client = &mut self.person(who).client;
        let answer = client.ask(op, fields).await.with_context(|| format!("{who} asks {op}: {case}"))?;
        let mut shown = answer.clone();
        shown.as_object_mut().context("a frame")?.remove("id");
        self.hide("", &mut shown);
        self.told.entry(op).or_default().push(format!("{who}, {case}\n    {shown}"));
        Ok(answer)
    }

    /// What was answered to an op, in the order in which it was asked.
    pub(crate) fn told(&mut self, op: &str) -> Vec<String> {
        self.told.remove(op).unwrap_or_default()
    }

    pub(crate) fn id_of(&self, name: &str) -> UserId {
        self.people.get(name).map_or_else(user_id, |person| person.user)
    }

    pub(crate) fn token(&self, name: &str) -> String {
        self.people.get(name).map(|person| person.token.clone()).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> Value {
        self.message.clone()
    }

    pub(crate) fn room(&self) -> Value {
        self.named("ROOM")
    }

    pub(crate) fn archived(&self) -> Value {
        self.named("ARCHIVED")
    }

    fn named(&self, name: &str) -> Value {
        self.names.iter().find(|(_, known)| *known == name).map(|(id, _)| json!(id)).unwrap_or_default()
    }

    /// Shows this id by a name from here on.
    pub(crate) fn name(&mut self, id: &Value, name: &str) {
        self.names.insert(id.as_str().unwrap_or_default().to_owned(), name.to_owned());
    }

    pub(crate) fn person(&mut self, name: &str) -> &mut Person {
        self.people.get_mut(name).expect("one of the people")
    }

    /// Puts names in place of what is another in every run.
    fn hide(&self, key: &str, value: &mut Value) {
        match value {
            Value::Array(values) => {
                for value in values.iter_mut() {
                    self.hide(key, value);
                }
                // Members come by their ids, which are others in every run.
                if key == "members" {
                    values.sort_by_key(Value::to_string);
                }
            }
            Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| self.hide(key, value)),
            Value::Number(_) if matches!(key, "seq" | "prev" | "ctl" | "msg") => *value = json!("N"),
            Value::Number(_) if key == "retryAfterMs" => *value = json!("MS"),
            Value::String(text) => match self.names.get(text) {
                Some(name) => name.clone_into(text),
                None if ["time", "startedAt", "session"].contains(&key) || key.ends_with("id") => {
                    *text = key.to_uppercase();
                }
                None if key == "token" => "TOKEN".clone_into(text),
                None if key == "url" => "URL".clone_into(text),
                // Of a room, of an invite; those of refusals are in small letters.
                None if key == "code" && [10, 16].contains(&text.len()) && *text == text.to_uppercase() => {
                    "CODE".clone_into(text);
                }
                None if key == "inviteId" => "INVITE".clone_into(text),
                None if text.parse::<UserId>().is_ok() => "ID".clone_into(text),
                None => {}
            },
            _ => {}
        }
    }
}
