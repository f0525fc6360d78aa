//! The demo: people and a bot in some rooms. It goes the way of every command, so the rules of rooms hold for it too.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::SystemClock,
    id::{RoomId, UserId},
    log::Log,
};
use voxlog_gateway::{
    Parts,
    config::{Config, DemoPerson},
    identity::Identity,
};

use crate::{
    commands::{serve, token::told},
    config::GatewaySettings,
    instance::write_private,
    link::{self, Link},
};

pub(in crate::commands) mod bot;
mod maker;
mod odd;
mod script;

use bot::Bot;
use maker::Maker;

/// The people, the first of whom is an operator and gets the token that is printed: the names by which they sign in, and
/// what others call them.
const PEOPLE: [(&str, &str); 3] = [("ada", "Ada Marsh"), ("boris", "Boris Petrov"), ("chen", "Chen Wei 陈")];

/// How long the printed token lives: long enough for a day's look around.
const TOKEN_TTL: Duration = Duration::from_hours(24);

/// What there is of the demo to show.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Everybody's password.
    pub(super) password: String,
    /// Who they are.
    pub(super) people: Vec<&'static str>,
    /// Two of them who can talk to each other; absent without a demo.
    pub(super) stage: Option<Stage>,
    /// Who answers them while the node runs; absent in a demo that was made before there was one.
    pub(super) bot: Option<Bot>,
}

/// A room and two people in it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) room: RoomId,
    pub(super) namespace: String,
    pub(super) listener: Person,
    pub(super) speaker: Person,
}

/// A person to act as.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) token: String,
}

/// What is remembered of the demo in the data directory.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    password: String,
    listener: UserId,
    speaker: UserId,
    room: RoomId,
    #[serde(default)]
    bot: Option<Bot>,
}

impl Shown {
    /// Whom anybody on this machine may sign in as.
    pub(super) fn sign_ins(&self) -> Vec<DemoPerson> {
        let person = |name: &&str| DemoPerson {
            name: (*name).to_owned(),
            email: maker::email(name),
            password: self.password.clone(),
        };
        self.people.iter().map(person).collect()
    }
}

/// Makes the demo if it is wanted and the log is empty, and tells what there is to show.
pub(super) async fn prepare(
    wanted: bool,
    gateway: &GatewaySettings,
    database: &str,
    link: &Link,
    data_dir: &Path,
) -> anyhow::Result<Shown> {
    let path = data_dir.join("demo.json");
    let config = Config { access_ttl: TOKEN_TTL, ..gateway.config() };
    if wanted && is_empty(&*link.log).await? {
        eprintln!("filling the log with a demo …");
        let note = make(config.clone(), database, link).await?;
        write_private(&path, &serde_json::to_vec_pretty(&note)?).context("can't remember the demo")?;
    }
    let Ok(note) = fs::read(&path) else { return Ok(Shown::default()) };
    let note: Note = serde_json::from_slice(&note).with_context(|| path.display().to_string())?;
    let identity = Identity::new(link::identity_pool(database)?, &config, Arc::new(SystemClock))?;
    let person =
        |name, user| Ok::<_, anyhow::Error>(Person { name, token: identity.issue(user, false).map_err(told)?.token });
    let people = PEOPLE.map(|(name, _)| name);
    let stage = Stage {
        room: note.room,
        namespace: link.namespace.to_string(),
        listener: person(people[0], note.listener)?,
        speaker: person(people[1], note.speaker)?,
    };
    // Who does not want the demo does not want to hear of it either.
    let bot = note.bot.filter(|_| wanted);
    Ok(Shown { password: note.password, people: people.to_vec(), stage: Some(stage), bot })
}

async fn is_empty(log: &dyn Log) -> anyhow::Result<bool> {
    for partition in log.partitions().all() {
        if log.tail(partition).await?.last.0 > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A gateway without a listener does it, and goes when it is done.
async fn make(config: Config, database: &str, link: &Link) -> anyhow::Result<Note> {
    let shutdown = CancellationToken::new();
    let clock = Arc::new(maker::clock());
    let parts = Parts { clock: clock.clone(), ..serve::parts(config, link, database)? };
    let gateway = voxlog_gateway::start(parts, shutdown.clone()).await?;
    let made = async {
        let note = Maker::new(&gateway, &clock, &link::identity_pool(database)?).await?.make().await?;
        odd::put(&*link.log, &*gateway.clock, note.speaker).await?;
        Ok(note)
    };
    let made = made.await;
    shutdown.cancel();
    gateway.tasks.close();
    gateway.tasks.wait().await;
    made
}
