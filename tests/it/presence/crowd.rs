//! Two hundred sockets that come and go at random, and gateways that are killed meanwhile: when it has settled, what every
//! client sees is what is true.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, bail};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{Barrier, watch},
    task::JoinSet,
};
use voxlog_core::presence::{ShownStatus, Status, merged};

use super::{watching::Ambience, *};

const USERS: usize = 100;
const DEVICES: usize = 2;
const ROOMS: usize = 4;
const GATEWAYS: usize = 3;
const KILLS: usize = 3;

/// How long everybody does as they like.
const STORM: Duration = Duration::from_secs(25);

/// A lease, a look of the reaper, and a little more: after that everybody's picture must be true.
const SETTLED_WITHIN: Duration = Duration::from_secs(40);

const STATUSES: [(&str, Status); 4] =
    [("online", Status::Online), ("away", Status::Away), ("dnd", Status::Dnd), ("invisible", Status::Invisible)];

/// Where gateways listen now, and what devices were left in.
struct Stage {
    world: World,
    urls: Mutex<Vec<String>>,
    /// How each device was left, by its number; `None` without a socket.
    left: Mutex<BTreeMap<usize, Option<Status>>>,
    users: Vec<UserId>,
    rooms: Vec<RoomId>,
}

/// One device on its way.
struct Device {
    stage: Arc<Stage>,
    number: usize,
    random: SmallRng,
    watcher: Option<Watcher>,
    session: Option<String>,
    status: usize,
}

impl Stage {
    fn user(&self, number: usize) -> UserId {
        self.users[number % USERS]
    }

    /// Every user is in one room, every third in the first one too.
    fn room(&self, number: usize) -> RoomId {
        let user = number % USERS;
        self.rooms[if user.is_multiple_of(3) && number >= USERS { 0 } else { user % ROOMS }]
    }

    fn members(room: usize) -> Vec<usize> {
        (0..USERS).filter(|user| user % ROOMS == room || (room == 0 && user.is_multiple_of(3))).collect()
    }

    /// What is true of a room.
    fn truth(&self, room: RoomId) -> watching::Picture {
        let left = self.left.lock().unwrap();
        let index = self.rooms.iter().position(|it| *it == room).unwrap();
        let shown = Self::members(index).into_iter().map(|user| {
            let devices = [user, user + USERS].map(|device| left.get(&device).copied().flatten());
            (user, merged(devices.into_iter().flatten().map(|status| (status, false))))
        });
        let there = shown.filter(|(_, shown)| shown.status != ShownStatus::Offline);
        there
            .map(|(user, shown)| {
                let status = serde_json::to_value(shown.status).unwrap().as_str().unwrap().to_owned();
                (self.users[user].to_string(), (status, shown.in_call))
            })
            .collect()
    }
}

impl Device {
    /// Comes to one of the gateways, with the session that it had or another one. Tries until one takes it.
    async fn connect(&mut self) {
        loop {
            match self.try_connect().await {
                Ok(watcher) => {
                    self.session = Some(watcher.session.clone());
                    self.watcher = Some(watcher);
                    return;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(self.random.random_range(20..200))).await,
            }
        }
    }

    async fn try_connect(&mut self) -> Result<Watcher> {
        let url = {
            let urls = self.stage.urls.lock().unwrap();
            urls[self.random.random_range(0..urls.len())].clone()
        };
        let mut hello = json!({ "presence": STATUSES[self.status].0 });
        if let Some(session) = self.session.as_ref().filter(|_| self.random.random_bool(0.7)) {
            hello["resume"] = json!({ "session": session });
        }
        let (user, room) = (self.stage.user(self.number), self.stage.room(self.number));
        let open = Watcher::open(&self.stage.world, &url, user, room, hello);
        tokio::time::timeout(Duration::from_secs(10), open).await?
    }

    /// One thing of all that it may do.
    async fn act(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            if self.random.random_bool(0.6) {
                self.connect().await;
            }
            return;
        };
        let done = match self.random.random_range(0..10) {
            0..3 => Err(()),
            3..6 => {
                self.status = self.random.random_range(0..STATUSES.len());
                watcher.show_as(STATUSES[self.status].0).await.map_err(drop)
            }
            6 => watcher.subscribe().await.map_err(drop),
            _ => watcher.look_for(Duration::from_millis(self.random.random_range(50..500))).await.map_err(drop),
        };
        if done.is_err() {
            self.watcher = None;
        }
    }

    /// Stays, or goes, for good. What it does last is told to the stage.
    async fn settle(&mut self, stays: bool) {
        if !stays {
            self.watcher = None;
            self.stage.left.lock().unwrap().insert(self.number, None);
            return;
        }
        loop {
            if self.watcher.is_none() {
                self.connect().await;
            }
            let status = STATUSES[self.status];
            match self.watcher.as_mut().expect("it is connected").show_as(status.0).await {
                Ok(()) => {
                    self.stage.left.lock().unwrap().insert(self.number, Some(status.1));
                    return;
                }
                Err(_) => self.watcher = None,
            }
        }
    }

    /// Waits until its picture is true.
    async fn check(&mut self) -> Result<()> {
        let Some(watcher) = &mut self.watcher else { return Ok(()) };
        let truth = self.stage.truth(self.stage.room(self.number));
        let seen = watcher.until_within(SETTLED_WITHIN, "the truth", |knows| knows.present == truth).await;
        let differs = |knows: &Ambience| {
            let users: std::collections::BTreeSet<_> = truth.keys().chain(knows.present.keys()).cloned().collect();
            let differs = users.into_iter().filter(|user| truth.get(user) != knows.present.get(user));
            differs.map(|user| (truth.get(&user).cloned(), knows.present.get(&user).cloned(), user)).collect::<Vec<_>>()
        };
        match seen {
            Ok(()) => Ok(()),
            Err(error) => {
                bail!("device {} is wrong about {:?}: {:.200}", self.number, differs(&watcher.knows), error.to_string())
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_storm_every_client_sees_the_truth() -> Result<()> {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let world = World::on_one_server().await;
    let _workers = Process::serve(&world, "workers").await;
    let mut gateways = Vec::new();
    for _ in 0..GATEWAYS {
        gateways.push(Process::serve(&world, "gateway").await);
    }
    let stage = Arc::new(stage(world, &gateways).await?);

    let (over, done) = (watch::Sender::new(false), Arc::new(Barrier::new(USERS * DEVICES)));
    let mut devices = JoinSet::new();
    for number in 0..USERS * DEVICES {
        let (stage, mut over, done) = (Arc::clone(&stage), over.subscribe(), Arc::clone(&done));
        let random = SmallRng::seed_from_u64(seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        devices.spawn(async move {
            let mut device = Device { stage, number, random, watcher: None, session: None, status: 0 };
            while !*over.borrow_and_update() {
                device.act().await;
                let pause = Duration::from_millis(device.random.random_range(20..400));
                let _over = tokio::time::timeout(pause, over.changed()).await;
            }
            let stays = device.random.random_bool(0.75);
            device.settle(stays).await;
            done.wait().await;
            device.check().await
        });
    }

    let mut random = SmallRng::seed_from_u64(seed);
    for _ in 0..KILLS {
        tokio::time::sleep(STORM / u32::try_from(KILLS + 1)?).await;
        let doomed = random.random_range(0..GATEWAYS);
        let next = Process::serve(&stage.world, "gateway").await;
        stage.urls.lock().unwrap()[doomed] = next.ws_url();
        std::mem::replace(&mut gateways[doomed], next).kill().await;
    }
    tokio::time::sleep(STORM / u32::try_from(KILLS + 1)?).await;
    over.send_replace(true);
    let mut wrong = Vec::new();
    while let Some(outcome) = devices.join_next().await {
        wrong.extend(outcome.context("a device's task")?.err());
    }
    assert!(
        wrong.is_empty(),
        "SEED={seed}: {} clients are wrong, such as {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(3)]
    );
    Ok(())
}

async fn stage(world: World, gateways: &[Process]) -> Result<Stage> {
    let users: Vec<_> = (0..USERS).map(|_| user_id()).collect();
    let urls: Vec<_> = gateways.iter().map(Process::ws_url).collect();
    let mut stage = Stage { world, urls: Mutex::new(urls.clone()), left: Mutex::default(), users, rooms: Vec::new() };
    for room in 0..ROOMS {
        let members: Vec<_> = Stage::members(room).into_iter().map(|user| stage.users[user]).collect();
        let (owner, others) = members.split_first().context("a member")?;
        stage.rooms.push(found_unseen(&stage.world, &urls[0], *owner, others).await?);
    }
    Ok(stage)
}
