//! Many people at one door: whoever asks at the same moment, on whichever gateway, the room's rules hold at every seq.

use std::collections::HashMap;

use anyhow::Result;
use futures_util::future::{join, join_all};
use rand::seq::SliceRandom;
use reqwest::StatusCode;
use serde_json::{Value, json};
use voxlog_core::{
    decider::Decider,
    envelope::Envelope,
    event::Event,
    id::{RoomId, UserId},
    log::Log,
    position::{Chain, Class, Seq},
    room::{Role, Room},
};
use voxlog_tests::{
    rest::{Answer, Rest},
    world::{Node, World, user_id},
};

/// Two gateways, and people who ask now the one, now the other.
struct Crowd {
    world: World,
    nodes: [Node; 2],
}

/// Somebody, with a way to each gateway.
struct Person {
    user: UserId,
    ways: [Rest; 2],
}

impl Crowd {
    async fn gather() -> Self {
        let world = World::on_one_server().await;
        let nodes = [world.gateway().await, world.gateway().await];
        Self { world, nodes }
    }

    fn person(&self) -> Person {
        let user = user_id();
        let ways = [0, 1].map(|node| Rest::to(&self.nodes[node].url).with_token(self.world.token(user)));
        Person { user, ways }
    }

    /// A public room of `owner` with these members.
    async fn room(&self, owner: &Person, seats: u16, members: &[&Person]) -> Result<RoomId> {
        let form = json!({"name": "room", "maxUsers": seats, "settings": {"isPublic": true}});
        let room = owner.ways[0].post("/api/v1/rooms", form).await.expect(StatusCode::CREATED);
        let room = room["id"].as_str().unwrap_or_default().parse()?;
        for member in members {
            member.join(0, room).await.ok();
        }
        Ok(room)
    }

    /// The room after each of its events: one owner and no more members than seats, at every seq.
    async fn history(&self, room: RoomId) -> Result<Vec<Room>> {
        let log = self.world.log().await;
        let head = log.tail(log.partitions().of(room.as_uuid())).await?.last;
        let mut states = vec![Room::default()];
        for stored in log.read(Chain::Room(room, Class::Ctl), Seq::ZERO, 10_000, head).await? {
            let Event::Room(event) = Envelope::decode(&stored.payload)?.event else { continue };
            let mut state = states[states.len() - 1].clone();
            state.evolve(&event);
            let interior = state.interior().expect("the first event opens the room");
            let owners = interior.members.values().filter(|role| **role == Role::Owner).count();
            assert_eq!(owners, 1, "at {}: {interior:#?}", stored.seq);
            assert!(interior.members.len() <= usize::from(interior.max_users), "at {}", stored.seq);
            states.push(state);
        }
        Ok(states)
    }
}

impl Person {
    async fn join(&self, way: usize, room: RoomId) -> Answer {
        // A public room is joined by its id as well as by its code.
        self.ways[way].post(&format!("/api/v1/rooms/{room}/join"), json!({})).await
    }

    async fn give_role(&self, way: usize, room: RoomId, to: &Self, role: &str) -> Answer {
        let form = json!({"userId": to.user, "role": role});
        self.ways[way].post(&format!("/api/v1/rooms/{room}/role"), form).await
    }

    async fn leave(&self, way: usize, room: RoomId) -> Answer {
        self.ways[way].post(&format!("/api/v1/rooms/{room}/leave"), Value::Null).await
    }
}

/// How often each outcome came: a status of success, or a code.
fn tally(answers: Vec<Answer>) -> HashMap<String, usize> {
    let mut tally = HashMap::new();
    for answer in answers {
        let outcome = if answer.status.is_success() { "in".to_owned() } else { answer.code() };
        *tally.entry(outcome).or_default() += 1;
    }
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_who_join_at_once_exactly_as_many_get_in_as_there_are_seats() -> Result<()> {
    let crowd = Crowd::gather().await;
    let (owner, early) = (crowd.person(), crowd.person());
    let room = crowd.room(&owner, 7, &[&early]).await?;
    let people: Vec<_> = (0..1000).map(|_| crowd.person()).collect();
    let answers = join_all(people.iter().enumerate().map(|(n, person)| person.join(n % 2, room))).await;
    assert_eq!(tally(answers), HashMap::from([("in".to_owned(), 5), ("room_full".to_owned(), 995)]));
    let states = crowd.history(room).await?;
    assert_eq!(states.last().and_then(Room::interior).map(|room| room.members.len()), Some(7));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_of_roles_keep_exactly_one_owner() -> Result<()> {
    let crowd = Crowd::gather().await;
    let people: Vec<_> = (0..5).map(|_| crowd.person()).collect();
    let room = crowd.room(&people[0], 10, &people[1..].iter().collect::<Vec<_>>()).await?;
    for _ in 0..20 {
        let mut asks = Vec::new();
        for (n, asker) in people.iter().enumerate() {
            for (m, to) in people.iter().enumerate().filter(|(m, _)| *m != n) {
                // Whoever has the room hands it over to several at once, on both gateways.
                let role = ["owner", "owner", "admin", "member"][(m + 5 - n) % 5 - 1];
                asks.push(asker.give_role(m % 2, room, to, role));
            }
        }
        asks.shuffle(&mut rand::rng());
        for (outcome, _) in tally(join_all(asks).await) {
            assert!(["in", "forbidden"].contains(&&*outcome), "{outcome}");
        }
    }
    let states = crowd.history(room).await?;
    assert!(states.len() > 20, "only {} events came of it", states.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hands_over_to_somebody_who_leaves_at_that_moment_leaves_no_room_without_an_owner() -> Result<()> {
    let crowd = Crowd::gather().await;
    let mut outcomes = HashMap::<_, usize>::new();
    for round in 0..40 {
        let (owner, heir) = (crowd.person(), crowd.person());
        let room = crowd.room(&owner, 10, &[&heir]).await?;
        let (here, there) = (round % 2, (round + 1) % 2);
        let (handed, left) = join(owner.give_role(here, room, &heir, "owner"), heir.leave(there, room)).await;
        let outcome = tally(vec![handed, left]);
        // Either the heir has the room and stays, or the heir has gone and the room stays whose it was.
        assert_eq!(outcome.get("in"), Some(&1), "{outcome:?}");
        let states = crowd.history(room).await?;
        let last = states.last().expect("a room has a history");
        let owner_now = if last.role(heir.user).is_some() { heir.user } else { owner.user };
        assert_eq!(last.role(owner_now), Some(Role::Owner));
        *outcomes.entry(owner_now == heir.user).or_default() += 1;
    }
    println!("handed over: {outcomes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_hand_the_room_to_each_other_and_leave_at_once_leave_it_with_an_owner() -> Result<()> {
    let crowd = Crowd::gather().await;
    for _ in 0..20 {
        let (ann, bob) = (crowd.person(), crowd.person());
        let room = crowd.room(&ann, 10, &[&bob]).await?;
        let ann_goes = async {
            ann.give_role(0, room, &bob, "owner").await;
            ann.leave(0, room).await;
        };
        let bob_goes = async {
            bob.give_role(1, room, &ann, "owner").await;
            bob.leave(1, room).await;
        };
        join(ann_goes, bob_goes).await;
        crowd.history(room).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_lets_in_as_many_as_it_says_however_many_come_at_once() -> Result<()> {
    let crowd = Crowd::gather().await;
    let projector = crowd.world.projector().await;
    let owner = crowd.person();
    let room = crowd.room(&owner, 500, &[]).await?;
    let path = format!("/api/v1/rooms/{room}");
    let hidden = json!({"settings": {"isPublic": false}});
    owner.ways[0].send(reqwest::Method::PATCH, &path, hidden).await.ok();
    for uses in [1, 2, 3, 1, 2, 3] {
        let invited = owner.ways[0].post(&format!("{path}/invites"), json!({"maxUses": uses})).await;
        let code = invited.expect(StatusCode::CREATED)["code"].as_str().unwrap_or_default().to_owned();
        crowd.world.caught_up().await;
        let people: Vec<_> = (0..50).map(|_| crowd.person()).collect();
        let joins = people.iter().enumerate().map(|(n, person)| {
            let path = format!("/api/v1/rooms/{code}/join");
            async move { person.ways[n % 2].post(&path, json!({})).await }
        });
        let outcomes = HashMap::from([("in".to_owned(), uses), ("not_found".to_owned(), 50 - uses)]);
        assert_eq!(tally(join_all(joins).await), outcomes);
    }
    projector.stop().await;
    Ok(())
}
