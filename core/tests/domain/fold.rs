//! A room read out of the log is what those who followed it hold.

use futures_util::future::join_all;
use proptest::{collection::vec, prelude::*};
use voxlog_core::{
    call::{self, Call, Media, MediaChange},
    clock::SystemClock,
    decider::{Asked, Decider},
    envelope::Envelope,
    event::{Event, Subject},
    fold::{Folded, command_call, fold},
    id::{CallId, CorrelationId, EventId, SessionId, UserId},
    log::{Log, MemoryLog, Record},
    position::{Chain, Class, Heads, Partition, Partitions, Seq},
    room::{self, Role},
    testing::{ALICE, HELLO, LOBBY, NOON, open_room},
};

use crate::arbitrary;

/// What happens to a room, as it is asked or as it is.
#[derive(Debug, Clone)]
enum Step {
    Room(Asked, room::Command),
    Call(Asked, call::Command),
    Chatter,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (arbitrary::asked(), arbitrary::room_command()).prop_map(|(asked, command)| Step::Room(asked, command)),
        3 => arbitrary::call_command().prop_map(|(asked, command)| Step::Call(asked, command)),
        1 => Just(Step::Chatter),
    ];
    vec(step, 0..60)
}

/// A log with one room, and what its follower held after every seq.
struct Lived {
    log: MemoryLog,
    after: Vec<(Folded, Heads)>,
}

impl Lived {
    fn new() -> Self {
        let log = MemoryLog::new(Partitions::new(1).unwrap());
        Self { log, after: vec![(Folded::default(), Heads::default())] }
    }

    fn now(&self) -> &Folded {
        &self.after.last().unwrap().0
    }

    async fn happen(&mut self, event: impl Into<Event>) {
        let event = event.into();
        let (id, correlation, subject) =
            (EventId::mint(&SystemClock), CorrelationId::mint(&SystemClock), Subject::Room(LOBBY));
        let chain = event.chain(subject).unwrap();
        let envelope = Envelope { id, subject, time: NOON, actor: ALICE, correlation, causation: None, event };
        let record = Record { id, chain, payload: envelope.encode(), ttl: None };
        let seq = self.log.append(record, Seq::ZERO).await.unwrap().seq;
        let (mut folded, mut heads) = self.after.last().unwrap().clone();
        folded.evolve(seq, &envelope.event);
        if let Chain::Room(_, class @ (Class::Ctl | Class::Call)) = chain {
            *heads.of_mut(class) = seq;
        }
        self.after.push((folded, heads));
    }

    async fn take(&mut self, step: Step) {
        let events: Vec<Event> = match step {
            Step::Room(asked, command) => {
                let events = self.now().room.decide((), asked, &command).unwrap_or_default();
                events.into_iter().map(Event::from).collect()
            }
            Step::Call(asked, command) => {
                let events = self.now().call.decide(&self.now().room, asked, &command).unwrap_or_default();
                events.into_iter().map(Event::from).collect()
            }
            Step::Chatter => vec![voxlog_core::message::Event::Pinned { message_id: HELLO }.into()],
        };
        for event in events {
            self.happen(event).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn at_every_seq_the_log_folds_to_what_its_follower_held(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let mut lived = Lived::new();
            for event in open_room() {
                lived.happen(event).await;
            }
            for step in steps {
                lived.take(step).await;
            }
            for (seq, expected) in (0..).zip(&lived.after) {
                let folded = fold(&lived.log, LOBBY, Seq(seq)).await.unwrap();
                prop_assert_eq!(&folded, expected, "after {}", seq);
            }
            Ok(())
        })?;
    }
}

const CALL: CallId = CallId::from_uuid(ALICE.as_uuid());

fn device(number: u128) -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(LOBBY.as_uuid().as_u128() ^ number))
}

async fn a_call_of(devices: u128) -> Lived {
    let mut lived = Lived::new();
    for event in open_room() {
        lived.happen(event).await;
    }
    let started = call::Event::Started { call_id: CALL, started_by: ALICE, session: device(0), seats: 50 };
    lived.happen(started).await;
    for number in 0..devices {
        let (user_id, session) = (ALICE, device(number));
        lived.happen(call::Event::Joined { call_id: CALL, user_id, session, media: Media::default() }).await;
    }
    lived
}

#[tokio::test]
async fn a_call_that_lasts_for_many_pages_is_read_back_to_its_beginning() {
    let mut lived = a_call_of(2).await;
    for number in 0..1_001_u32 {
        let change = MediaChange { muted: Some(number % 2 == 0), ..MediaChange::default() };
        lived.happen(call::Event::Updated { call_id: CALL, user_id: ALICE, session: device(1), change }).await;
    }
    let role = Role::Member;
    lived.happen(room::Event::Joined { user_id: UserId::from_uuid(device(7).as_uuid()), role }).await;
    let last = Seq(lived.after.len() as u64 - 1);
    assert_eq!(fold(&lived.log, LOBBY, last).await.unwrap(), *lived.after.last().unwrap());
    assert_eq!(lived.now().call.ongoing().unwrap().participants.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_are_lost_at_once_are_each_taken_out_once_and_the_call_ends_with_the_last() {
    let log = a_call_of(20).await.log;
    let lost = (0..20).map(|number| {
        let log = log.clone();
        tokio::spawn(async move {
            let command = call::Command::Lose { session: device(number) };
            let done = command_call(&log, &SystemClock, LOBBY, &command).await.unwrap();
            assert!(done.is_some());
            assert_eq!(command_call(&log, &SystemClock, LOBBY, &command).await.unwrap(), None, "it is done already");
        })
    });
    for done in join_all(lost).await {
        done.unwrap();
    }
    let tail = log.tail(Partition(0)).await.unwrap();
    assert_eq!(fold(&log, LOBBY, tail.last).await.unwrap().0.call, Call::Idle);
    assert_eq!(tail.last, tail.fence, "whoever decides elsewhere is told");
    let calls = log.read(Chain::Room(LOBBY, Class::Call), Seq::ZERO, 100, tail.last).await.unwrap();
    assert_eq!(calls.len(), 1 + 20 + 20 + 1);
    let command = call::Command::End { call: CALL, reason: call::EndReason::Idle };
    assert_eq!(command_call(&log, &SystemClock, LOBBY, &command).await.unwrap(), None, "it is over already");
}
