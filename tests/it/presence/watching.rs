//! A client as far as presence concerns it: a session that can be resumed, and the picture that it has of one room.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;
use voxlog_core::id::{RoomId, UserId};
use voxlog_tests::{
    client::{Client, Encoding},
    world::World,
};

/// How long anything may take to be seen.
pub(crate) const SEEN_WITHIN: Duration = Duration::from_secs(20);

/// Who is there, by user: the status, and whether they are in a call.
pub(crate) type Picture = BTreeMap<String, (String, bool)>;

/// What a client knows of a room beside its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ambience {
    pub(crate) present: Picture,
    pub(crate) typing: BTreeSet<String>,
    pub(crate) speaking: BTreeSet<String>,
}

/// A client that watches one room.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) client: Client,
    pub(crate) session: String,
    pub(crate) resumed: bool,
    pub(crate) room: String,
    pub(crate) knows: Ambience,
    /// Every frame about this room's ambience, and when it came.
    pub(crate) frames: Vec<(Instant, Value)>,
}

impl Ambience {
    /// Takes in a frame of the room. False when it is about something else.
    pub(crate) fn take(&mut self, frame: &Value) -> bool {
        match frame["op"].as_str() {
            Some("presence") => {
                if frame["full"] == true {
                    self.present.clear();
                }
                take_members(&mut self.present, &frame["members"]);
            }
            Some("typing") => self.typing = names(&frame["users"]),
            Some("speaking") => self.speaking = names(&frame["sessions"]),
            _ => return false,
        }
        true
    }

    /// What `subscribed` says.
    pub(crate) fn of(state: &Value) -> Self {
        let mut present = Picture::new();
        take_members(&mut present, &state["presence"]);
        Self { present, typing: names(&state["typing"]), speaking: names(&state["speaking"]) }
    }

    /// How a user is seen.
    pub(crate) fn status(&self, user: UserId) -> &str {
        self.present.get(&user.to_string()).map_or("offline", |(status, _)| status)
    }
}

impl Watcher {
    /// Connects, says hello with more fields than the token, and opens the room.
    pub(crate) async fn open(world: &World, url: &str, user: UserId, room: RoomId, hello: Value) -> Result<Self> {
        let mut watcher = Self::greet(world, url, user, room, hello).await?;
        watcher.subscribe().await?;
        Ok(watcher)
    }

    /// Connects and says hello.
    pub(crate) async fn greet(world: &World, url: &str, user: UserId, room: RoomId, hello: Value) -> Result<Self> {
        Self::greet_on(Client::open(url, Encoding::Json, None).await?, world, user, room, hello).await
    }

    pub(crate) async fn greet_on(
        mut client: Client,
        world: &World,
        user: UserId,
        room: RoomId,
        mut hello: Value,
    ) -> Result<Self> {
        hello["token"] = json!(world.token(user));
        let welcome = client.call("hello", hello).await?;
        let session = welcome["session"].as_str().context("a session")?.to_owned();
        let (resumed, room) = (welcome["resumed"] == true, room.to_string());
        Ok(Self { client, session, resumed, room, knows: Ambience::default(), frames: Vec::new() })
    }

    /// The `resume` by which another socket goes on with this session.
    pub(crate) fn resume(&self) -> Value {
        json!({ "resume": { "session": self.session } })
    }

    pub(crate) async fn subscribe(&mut self) -> Result<()> {
        let subscribed = self.client.call("subscribe", json!({ "room": self.room })).await?;
        self.knows = Ambience::of(&subscribed["state"]);
        Ok(())
    }

    pub(crate) async fn show_as(&mut self, status: &str) -> Result<()> {
        self.client.call("presence.update", json!({ "status": status })).await?;
        Ok(())
    }

    /// Takes frames in until what it knows is as wanted.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Ambience) -> bool) -> Result<()> {
        self.until_within(SEEN_WITHIN, what, is_so).await
    }

    pub(crate) async fn until_within(
        &mut self,
        within: Duration,
        what: &str,
        is_so: impl Fn(&Ambience) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + within;
        while !is_so(&self.knows) {
            let left = deadline.saturating_duration_since(Instant::now());
            let frame = self.client.next_unasked(left).await;
            self.take(frame.with_context(|| format!("{what}: it knows {:?}", self.knows))?)?;
        }
        Ok(())
    }

    /// Takes in whatever comes for a while.
    pub(crate) async fn look_for(&mut self, span: Duration) -> Result<()> {
        let deadline = Instant::now() + span;
        while let Ok(frame) = self.client.next_unasked(deadline.saturating_duration_since(Instant::now())).await {
            self.take(frame)?;
        }
        Ok(())
    }

    /// How the frames so far showed a user, one after the other.
    pub(crate) fn shown(&self, user: UserId) -> Vec<String> {
        let members = self.frames.iter().filter_map(|(_, frame)| frame["members"].as_array()).flatten();
        let of_user = members.filter(|member| member["userId"] == user.to_string());
        of_user.filter_map(|member| member["status"].as_str().map(str::to_owned)).collect()
    }

    fn take(&mut self, frame: Value) -> Result<()> {
        ensure!(frame["op"] != "closing", "the socket closes: {frame}");
        if frame["room"] == self.room && self.knows.take(&frame) {
            self.frames.push((Instant::now(), frame));
        }
        Ok(())
    }
}

fn take_members(present: &mut Picture, members: &Value) {
    for member in members.as_array().into_iter().flatten() {
        let user = member["userId"].as_str().expect("a user").to_owned();
        match member["status"].as_str().expect("a status") {
            "offline" => drop(present.remove(&user)),
            status => drop(present.insert(user, (status.to_owned(), member["inCall"] == true))),
        }
    }
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}
