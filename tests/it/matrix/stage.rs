//! One gateway, everybody who could ask, and rooms to ask about.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use voxlog_core::id::UserId;
use voxlog_tests::{
    client::{Client, Encoding},
    rest::Rest,
    world::{Node, Running, World, until, user_id},
};

use super::Asker;

/// Everybody, at one gateway whose read models follow.
pub(crate) struct Stage {
    people: HashMap<Asker, Person>,
    victim: (UserId, Rest),
    applicant: (UserId, Rest),
    untouched: std::sync::Mutex<Vec<Scene>>,
    node: Node,
    _projector: Running,
}

struct Person {
    user: UserId,
    rest: Rest,
    socket: Option<Arc<Mutex<Client>>>,
}

/// A room in which everybody is what they are called, and what an op needs to name.
pub(crate) struct Scene {
    pub(crate) room: String,
    pub(crate) code: String,
    pub(crate) invite: String,
    pub(crate) invite_id: String,
    /// A member like any other.
    pub(crate) victim: UserId,
    /// Who waits to be let in.
    pub(crate) applicant: UserId,
    /// Who is banned.
    pub(crate) outcast: UserId,
    /// Written by the member.
    pub(crate) message: String,
    /// Its place.
    pub(crate) seq: Value,
    /// That of the last write.
    pub(crate) position: String,
}

impl Stage {
    pub(crate) async fn set() -> Result<Self> {
        let world = World::on_one_server().await;
        let (node, projector) = (world.gateway().await, world.projector().await);
        let nobody = Rest::to(&node.url);
        let signed_in = |user| (user, nobody.with_token(world.token(user)));
        let (_, anybody) = signed_in(user_id());
        until("the tables are made", async || {
            anybody.get("/api/v1/rooms").await.status == StatusCode::OK
                && anybody.get("/api/v1/users/me").await.status == StatusCode::NOT_FOUND
        })
        .await;
        let mut people = HashMap::new();
        for asker in Asker::ALL {
            let (user, rest) = match asker {
                Asker::Nobody => (user_id(), nobody.clone()),
                Asker::Guest => guest(&nobody).await?,
                _ => signed_in(user_id()),
            };
            let socket = match &rest.token {
                Some(token) => {
                    Some(Arc::new(Mutex::new(Client::connect(&node.ws_url(), token, Encoding::Json).await?)))
                }
                None => None,
            };
            people.insert(asker, Person { user, rest, socket });
        }
        let (victim, applicant) = (signed_in(user_id()), signed_in(user_id()));
        people[&Asker::Neighbour].rest.post("/api/v1/rooms", json!({"name": "next door"})).await;
        Ok(Self { people, victim, applicant, untouched: std::sync::Mutex::default(), node, _projector: projector })
    }

    pub(crate) fn rest(&self, asker: Asker) -> &Rest {
        &self.people[&asker].rest
    }

    /// Who has no token has a new socket for each question: the answer ends it.
    pub(crate) async fn socket(&self, asker: Asker) -> Result<Arc<Mutex<Client>>> {
        match &self.people[&asker].socket {
            Some(socket) => Ok(Arc::clone(socket)),
            None => Ok(Arc::new(Mutex::new(Client::open(&self.node.ws_url(), Encoding::Json, None).await?))),
        }
    }

    /// A room in which everybody is in their place.
    pub(crate) async fn scene(&self) -> Result<Scene> {
        let untouched = self.untouched.lock().expect("nobody panics over it").pop();
        match untouched {
            Some(scene) => Ok(scene),
            None => self.new_scene().await,
        }
    }

    /// Gives back a room in which nothing has changed.
    pub(crate) fn untouched(&self, scene: Scene) {
        self.untouched.lock().expect("nobody panics over it").push(scene);
    }

    async fn new_scene(&self) -> Result<Scene> {
        let owner = self.rest(Asker::Owner);
        let form = json!({"name": "room", "maxUsers": 20, "settings": {"allowGuests": true}});
        let created = owner.post("/api/v1/rooms", form).await.expect(StatusCode::CREATED);
        let (room, code) = (text(&created["id"])?, text(&created["code"])?);
        let path = format!("/api/v1/rooms/{room}");
        let at = text(&created["position"])?;
        let join = async |rest: &Rest| {
            let request = rest.request(Method::POST, &format!("/api/v1/rooms/{code}/join"));
            let answer = voxlog_tests::rest::send(request.header("X-Voxlog-Min-Position", &at)).await;
            assert!(answer.status.is_success(), "{:#}", answer.body);
        };
        for asker in [Asker::Guest, Asker::Member, Asker::Muted, Asker::Admin, Asker::Banned] {
            join(self.rest(asker)).await;
        }
        join(&self.victim.1).await;
        let user = |asker| self.people[&asker].user;
        owner.post(&format!("{path}/role"), json!({"userId": user(Asker::Admin), "role": "admin"})).await.ok();
        owner.post(&format!("{path}/mute"), json!({"userId": user(Asker::Muted)})).await.ok();
        owner.post(&format!("{path}/ban"), json!({"userId": user(Asker::Banned)})).await.ok();
        let invited = owner.post(&format!("{path}/invites"), json!({})).await.expect(StatusCode::CREATED);
        let approval = |on: bool| json!({"settings": {"requireApproval": on}});
        owner.send(Method::PATCH, &path, approval(true)).await.ok();
        join(&self.applicant.1).await;
        owner.send(Method::PATCH, &path, approval(false)).await.ok();
        let first = json!({"roomId": room, "content": "the first"});
        let said = self.rest(Asker::Member).post("/api/v1/messages", first).await.expect(StatusCode::CREATED);
        // A socket does not say what it wants to see, and codes are looked up in the read model.
        owner.get_at(&path, &said["position"]).await.ok();
        Ok(Scene {
            room,
            code,
            invite: text(&invited["code"])?,
            invite_id: text(&invited["inviteId"])?,
            victim: self.victim.0,
            applicant: self.applicant.0,
            outcast: user(Asker::Banned),
            message: text(&said["messageId"])?,
            seq: said["seq"].clone(),
            position: text(&said["position"])?,
        })
    }
}

async fn guest(nobody: &Rest) -> Result<(UserId, Rest)> {
    let grant = nobody.post("/api/v1/auth/guest", json!({"displayName": "Gus"})).await.expect(StatusCode::CREATED);
    Ok((text(&grant["user"]["id"])?.parse()?, nobody.with_token(text(&grant["token"])?)))
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().with_context(|| format!("{value} is no text"))?.to_owned())
}
