//! Identity's facts in the log: each once, a user's in their order.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::PgPool;
use tokio::sync::Notify;
use voxlog_core::{
    clock::{Clock, SystemClock},
    envelope::Envelope,
    event::Subject,
    id::{CorrelationId, EventId, RoomId, UserId},
    log::{AppendError, Appended, Commit, Log, Record},
    position::{Chain, Seq},
    user,
};
use voxlog_gateway::{
    config::{Config, PasswordCost},
    identity::{Device, Identity, Login, Registration, outbox::Courier, profile::ProfileChanges},
};
use voxlog_tests::{
    altered::{Alter, Altered},
    rest::PASSWORD,
    world::{World, until},
};

use super::facts_of;

/// A log whose courier dies: what is committed through it is in the log, and the answer never comes.
#[derive(Debug)]
struct Mute {
    log: Arc<dyn Log>,
    committed: Notify,
}

#[async_trait]
impl Alter for Mute {
    fn log(&self) -> &dyn Log {
        &*self.log
    }

    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        self.log.commit(commit).await?;
        self.committed.notify_one();
        std::future::pending().await
    }
}

/// Identity without a courier: what it tells stays in the outbox.
async fn silent(world: &World, pool: &PgPool) -> Identity {
    let mut config = Config::with_key(&world.signing_key);
    config.password_cost = PasswordCost { memory_kib: 64, passes: 1 };
    let identity = Identity::new(pool.clone(), &config, Arc::new(SystemClock)).unwrap();
    identity.migrate().await.unwrap();
    identity
}

async fn register(identity: &Identity, username: &str) -> UserId {
    let (username, email) = (username.to_owned(), format!("{username}@example.org"));
    let registration = Registration { username, email, password: PASSWORD.to_owned(), confirm_password: None };
    identity.register(registration, &Device::default()).await.unwrap().user.id
}

async fn waiting(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM identity.outbox").fetch_one(pool).await.unwrap()
}

/// The window of duplicates is a second here, so nothing but the guard can keep a fact from coming twice.
#[tokio::test]
async fn a_fact_reaches_the_log_once_though_couriers_race_and_one_dies() {
    let world = World { duplicate_window: Duration::from_secs(1), ..World::on_one_server().await };
    let pool = Identity::pool(&world.database).unwrap();
    let identity = silent(&world, &pool).await;
    let mut users = Vec::new();
    for number in 0..10 {
        users.push(register(&identity, &format!("user{number}")).await);
    }
    let log: Arc<dyn Log> = world.log().await;
    // Not even the first of a chain, so that the log by itself can't tell a repetition.
    for user in &users {
        mark_something(&*log, *user).await;
    }

    let mute = Altered(Mute { log: Arc::clone(&log), committed: Notify::new() });
    let dying = Courier { pool: &pool, log: &mute, clock: &SystemClock };
    tokio::select! {
        _ = dying.deliver_next() => panic!("the dying courier never hears that the log has its fact"),
        () = mute.0.committed.notified() => {}
    }
    let killed_at = tokio::time::Instant::now();
    until("the log has forgotten the first commit's id", async || killed_at.elapsed() > Duration::from_secs(3)).await;
    assert_eq!(waiting(&pool).await, 20, "the fact of the dead courier waits again");

    let (courier, rung) = (Courier { pool: &pool, log: &*log, clock: &SystemClock }, Notify::new());
    tokio::select! {
        () = async { tokio::join!(courier.run(&rung), courier.run(&rung)); } => unreachable!("a courier has no end"),
        () = until("the outbox is empty", async || waiting(&pool).await == 0) => {}
    }
    for user in users {
        let facts = facts_of(&*log, user).await;
        assert!(matches!(facts[..], [user::Event::Registered { .. }, user::Event::SessionStarted { .. }]), "{facts:?}");
    }
}

/// Read markers of the same user land in between, from wherever; the couriers must neither lose nor repeat anything.
#[tokio::test]
async fn a_users_facts_stand_in_the_order_of_their_commits_though_others_write_to_the_chain() {
    let world = World { duplicate_window: Duration::from_secs(1), ..World::on_one_server().await };
    let pool = Identity::pool(&world.database).unwrap();
    let identity = silent(&world, &pool).await;
    let ann = register(&identity, "ann").await;
    let names: Vec<_> = (0..20).map(|number| format!("Ann {number}")).collect();
    for name in &names {
        let changes = ProfileChanges { display_name: Some(Some(name.clone())), ..ProfileChanges::default() };
        identity.change_profile(ann, changes).await.unwrap();
    }
    let log: Arc<dyn Log> = world.log().await;

    let (courier, rung) = (Courier { pool: &pool, log: &*log, clock: &SystemClock }, Notify::new());
    let hesitant = Altered(Hesitant(Arc::clone(&log)));
    let slower = Courier { log: &hesitant, ..courier };
    let marking = async {
        for _ in 0..200 {
            mark_something(&*log, ann).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = async { tokio::join!(slower.run(&rung), courier.run(&rung), slower.run(&rung)); } => unreachable!(),
        () = marking => unreachable!("it has no end"),
        () = until("the outbox is empty", async || waiting(&pool).await == 0) => {}
    }
    let told: Vec<_> = facts_of(&*log, ann).await.into_iter().filter_map(name_told).collect();
    assert_eq!(told, names);
}

fn name_told(fact: user::Event) -> Option<String> {
    match fact {
        user::Event::Updated { display_name, .. } => display_name,
        _ => None,
    }
}

/// What the hub appends to a user's chain while identity delivers.
async fn mark_something(log: &dyn Log, user: UserId) {
    let envelope = Envelope {
        id: EventId::mint(&SystemClock),
        subject: Subject::User(user),
        time: SystemClock.now(),
        actor: user,
        correlation: CorrelationId::mint(&SystemClock),
        causation: None,
        event: user::Event::ReadMarked { user_id: user, room_id: RoomId::mint(&SystemClock), seq: Seq(1) }.into(),
    };
    let record = Record { id: envelope.id, chain: Chain::User(user), payload: envelope.encode(), ttl: None };
    let fence = log.tail(log.partitions().of(user.as_uuid())).await.unwrap().fence;
    log.append(record, fence).await.unwrap();
}

/// Couriers put a fact off when the log refuses it; its successors must not overtake it.
#[tokio::test]
async fn a_fact_that_was_put_off_keeps_the_users_later_ones_waiting() {
    let world = World::on_one_server().await;
    let pool = Identity::pool(&world.database).unwrap();
    let identity = silent(&world, &pool).await;
    let ann = register(&identity, "ann").await;
    let log: Arc<dyn Log> = world.log().await;
    let refusing = Altered(Refusing(Arc::clone(&log)));
    let courier = Courier { pool: &pool, log: &refusing, clock: &SystemClock };
    assert!(courier.deliver_next().await.unwrap(), "the first is put off");
    assert!(!courier.deliver_next().await.unwrap(), "the second waits for it, though it is due");
    identity.login(login("ann"), &Device::default()).await.unwrap();
    let bob = register(&identity, "bob").await;
    let courier = Courier { pool: &pool, log: &*log, clock: &SystemClock };
    while courier.deliver_next().await.unwrap() {}
    assert_eq!((facts_of(&*log, bob).await.len(), facts_of(&*log, ann).await.len()), (2, 0), "nobody else waits");
    until("the rest is over", async || {
        while courier.deliver_next().await.unwrap() {}
        waiting(&pool).await == 0
    })
    .await;
    let facts = facts_of(&*log, ann).await;
    assert!(matches!(facts[..], [user::Event::Registered { .. }, _, _]), "{facts:?}");
}

fn login(username: &str) -> Login {
    Login { email: format!("{username}@example.org"), password: PASSWORD.to_owned(), totp: None }
}

/// A log that takes its time for a commit: what another courier does meanwhile comes first.
#[derive(Debug)]
struct Hesitant(Arc<dyn Log>);

#[async_trait]
impl Alter for Hesitant {
    fn log(&self) -> &dyn Log {
        &*self.0
    }

    async fn commit(&self, commit: Commit) -> Result<Appended, AppendError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.0.commit(commit).await
    }
}

/// A log that takes no commits.
#[derive(Debug)]
struct Refusing(Arc<dyn Log>);

#[async_trait]
impl Alter for Refusing {
    fn log(&self) -> &dyn Log {
        &*self.0
    }

    async fn commit(&self, _: Commit) -> Result<Appended, AppendError> {
        Err(AppendError::Refused("not now".to_owned()))
    }
}
