//! The history of calls is what the domain folds of both chains, whatever stands on them.

use std::collections::BTreeMap;

use rand::{Rng, RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use voxlog_core::{
    call::{self, Call, EndReason, LeaveReason, Media, MediaChange, Ongoing},
    clock::{Clock, SystemClock, Time},
    decider::{Asked, Decider},
    envelope::Envelope,
    event::{Event, Subject},
    fold::Folded,
    id::{CallId, RoomId, SessionId, UserId},
    log::Log,
    position::{Chain, Seq},
    room::{self, Role},
    testing::{ALICE, BOB, CAROL, DAVE, ERIN},
};
use voxlog_projections::{
    calls::{PastCall, calls},
    rebuild::{Mode, rebuild},
};

use super::world::{World, opened, settings};

const PEOPLE: [UserId; 5] = [ALICE, BOB, CAROL, DAVE, ERIN];
const STEPS: usize = 400;

/// A call as a test tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    call: CallId,
    seq: Seq,
    started_by: UserId,
    ended_at: Option<Time>,
    /// Device, user, since when, until when.
    stays: Vec<(SessionId, UserId, Time, Option<Time>)>,
}

impl Told {
    fn of(call: &PastCall) -> Self {
        let stays = call.participants.iter().map(|stay| (stay.session, stay.user_id, stay.joined_at, stay.left_at));
        let PastCall { call_id, seq, started_by, ended_at, .. } = *call;
        assert_eq!(call.started_at, call_id.time());
        let lasted = ended_at.map(|ended_at| (ended_at - call.started_at).num_seconds().max(0));
        assert_eq!(call.duration_s, lasted);
        Self { call: call_id, seq, started_by, ended_at, stays: stays.collect() }
    }
}

/// The calls of a room: what the domain's fold says before and after each event, and nothing of its own.
#[derive(Default)]
struct Watched {
    folded: Folded,
    calls: Vec<Told>,
}

impl Watched {
    fn watch(&mut self, seq: Seq, envelope: &Envelope) {
        let before = self.folded.call.ongoing().cloned();
        self.folded.evolve(seq, &envelope.event);
        let (after, time) = (self.folded.call.ongoing(), envelope.time);
        let is_another =
            |one: &Ongoing, other: Option<&Ongoing>| other.is_none_or(|other| other.call_id != one.call_id);
        if before.as_ref().is_some_and(|before| is_another(before, after))
            && let Some(call) = self.calls.last_mut()
        {
            call.ended_at = Some(time);
            call.stays.iter_mut().for_each(|stay| stay.3 = stay.3.or(Some(time)));
        }
        let Some(after) = after else { return };
        if is_another(after, before.as_ref()) {
            let (call, started_by) = (after.call_id, after.started_by);
            self.calls.push(Told { call, seq, started_by, ended_at: None, stays: vec![] });
        }
        let call = self.calls.last_mut().expect("one goes on");
        let joins = match envelope.event {
            Event::Call(call::Event::Joined { session, .. }) => Some(session),
            _ => None,
        };
        for stay in call.stays.iter_mut().filter(|stay| stay.3.is_none()) {
            let stays = after.participants.iter().any(|participant| participant.session == stay.0);
            if !stays || joins == Some(stay.0) {
                stay.3 = Some(time);
            }
        }
        let joined = after.participants.iter().find(|participant| Some(participant.session) == joins);
        call.stays.extend(joined.map(|joined| (joined.session, joined.user_id, time, None)));
    }
}

/// Two devices each.
fn device(user: UserId, second: bool) -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(user.as_uuid().as_u128() ^ u128::from(second)))
}

/// What somebody asks of the room or of its call, as far as the domain lets them.
fn asked_for(random: &mut impl Rng, folded: &Folded, at: Time) -> Vec<Event> {
    let (by, user) = (*PEOPLE.choose(random).unwrap(), *PEOPLE.choose(random).unwrap());
    let asked = Asked { by, guest: false, at };
    let session = device(by, random.random());
    let call = CallId::mint(&SystemClock);
    let of_call = match random.random_range(0..10) {
        0..4 => Some(call::Command::Join { session, call, seats: 4, media: Media::default() }),
        4 => Some(call::Command::Leave { session }),
        5 => {
            let change = MediaChange { muted: Some(random.random()), ..MediaChange::default() };
            Some(call::Command::Update { session, change })
        }
        6 => Some(call::Command::Lose { session: device(user, random.random()) }),
        _ => None,
    };
    if let Some(command) = of_call {
        let events = folded.call.decide(&folded.room, asked, &command).unwrap_or_default();
        return events.into_iter().map(Event::from).collect();
    }
    let command = match random.random_range(0..20) {
        0..10 => room::Command::Join { code: Some("ABCD2345".to_owned()) },
        10..12 => room::Command::Leave,
        12..14 => room::Command::Kick { user, reason: None },
        14 => room::Command::Ban { user, until: None, reason: None },
        15 => room::Command::Unban { user },
        16..18 => room::Command::Mute { user, until: None, reason: None },
        _ => room::Command::Unmute { user },
    };
    let asked = if matches!(command, room::Command::Join { .. } | room::Command::Leave) {
        asked
    } else {
        Asked { by: ALICE, ..asked }
    };
    let events = folded.room.decide((), asked, &command).unwrap_or_default();
    events.into_iter().map(Event::from).collect()
}

/// What no decider would have let into the log.
fn nonsense(random: &mut impl Rng) -> Event {
    let user_id = *PEOPLE.choose(random).unwrap();
    let (session, call_id) = (device(user_id, random.random()), CallId::mint(&SystemClock));
    match random.random_range(0..6) {
        0 => call::Event::Started { call_id, started_by: user_id, session, seats: 2 }.into(),
        1 => call::Event::Joined { call_id, user_id, session, media: Media::default() }.into(),
        2 => call::Event::Left { call_id, user_id, session, reason: LeaveReason::Lost }.into(),
        3 => call::Event::Ended { call_id, reason: EndReason::Idle }.into(),
        4 => room::Event::Muted { user_id, until: None, reason: None }.into(),
        _ => room::Event::Joined { user_id, role: Role::Member }.into(),
    }
}

async fn live(world: &World, random: &mut SmallRng, room: RoomId, sense: bool) -> Watched {
    let mut watched = Watched::default();
    let mut happens: Vec<Event> = vec![opened("Lobby", ALICE, settings()).into()];
    for step in 0..STEPS {
        for event in happens.drain(..) {
            let position = world.append(Subject::Room(room), ALICE, event.clone()).await;
            let stored = world.log.read(chain(room, &event), Seq(position.seq.0 - 1), 1, position.seq).await.unwrap();
            watched.watch(position.seq, &Envelope::decode(&stored[0].payload).unwrap());
        }
        let time = world.clock.now();
        happens = match random.random_range(0..4) {
            0 if !sense => vec![nonsense(random)],
            _ => asked_for(random, &watched.folded, time),
        };
        if step + 2 == STEPS && random.random() {
            happens = vec![room::Event::Archived {}.into()];
        }
    }
    watched
}

fn chain(room: RoomId, event: &Event) -> Chain {
    event.chain(Subject::Room(room)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_calls_is_what_the_domain_folds_and_a_rebuild_comes_to_the_same() {
    let world = World::new(2).await;
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let rooms: Vec<_> = (0..6).map(|_| RoomId::mint(&SystemClock)).collect();
    let _projectors = [world.project(7), world.project(100)];
    let mut lived = BTreeMap::new();
    for (number, &room) in rooms.iter().enumerate() {
        lived.insert(room, live(&world, &mut random, room, number % 2 == 0).await);
    }
    world.caught_up().await;
    let mut several = 0;
    for (room, watched) in lived {
        let mut told = Vec::new();
        let mut after = None;
        loop {
            let page = calls(&world.db, room, after, 7).await.unwrap();
            told.extend(page.data.iter().map(Told::of));
            match page.next {
                Some(next) => after = Some(next.parse().unwrap()),
                None => break,
            }
        }
        told.reverse();
        several += usize::from(told.len() > 7);
        assert_eq!(told, watched.calls, "room {room}");
        let going_on = told.iter().filter(|call| call.ended_at.is_none()).count();
        assert_eq!(going_on, usize::from(watched.folded.call != Call::Idle));
    }
    assert!(several > 0, "some room had more than a page of calls");
    let report = rebuild(world.log.clone(), &world.url, "voxlog", Mode::Check, |_| ()).await.unwrap();
    assert!(report.equal, "{report:?}");
    let rows = |table| report.tables.iter().find(|it| it.rebuilt.table == table).unwrap().rebuilt.rows;
    assert!(rows("calls") > 7 && rows("call_stays") > 7);
}
