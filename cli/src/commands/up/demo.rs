//! The demo: three people in three rooms. It goes the way of every command, so the rules of rooms hold for it too.

use std::{collections::HashMap, fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use voxlog_core::{
    clock::SystemClock,
    id::{MessageId, RoomId, UserId},
    log::Log,
    message, room,
};
use voxlog_gateway::{
    Gateway,
    config::Config,
    identity::{Device, Identity, Registration},
};

use crate::{
    commands::{serve, token::told},
    config::GatewaySettings,
    instance::write_private,
    link::{self, Link},
};

mod script;

use script::{Line, Script};

/// The people, the first of whom gets the token that is printed.
const PEOPLE: [&str; 3] = ["ada", "boris", "chen"];

/// How long the printed token lives: long enough for a day's look around.
const TOKEN_TTL: Duration = Duration::from_hours(24);

/// What is printed of the demo.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Everybody's password.
    pub(super) password: String,
    /// Who they are.
    pub(super) people: Vec<&'static str>,
    /// Two of them who can talk to each other; absent without a demo.
    pub(super) stage: Option<Stage>,
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
    let person = |name, user| Ok::<_, anyhow::Error>(Person { name, token: identity.issue(user).map_err(told)?.token });
    let stage = Stage {
        room: note.room,
        namespace: link.namespace.to_string(),
        listener: person(PEOPLE[0], note.listener)?,
        speaker: person(PEOPLE[1], note.speaker)?,
    };
    Ok(Shown { password: note.password, people: PEOPLE.to_vec(), stage: Some(stage) })
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
    let gateway = voxlog_gateway::start(serve::parts(config, link, database)?, shutdown.clone()).await?;
    let made = Maker::new(&gateway).await;
    let made = match made {
        Ok(maker) => maker.make().await,
        Err(error) => Err(error),
    };
    shutdown.cancel();
    gateway.tasks.close();
    gateway.tasks.wait().await;
    made
}

struct Maker<'a> {
    gateway: &'a Gateway,
    password: String,
    people: HashMap<&'static str, UserId>,
}

impl<'a> Maker<'a> {
    async fn new(gateway: &'a Gateway) -> anyhow::Result<Self> {
        gateway.identity.migrate().await.context("identity's tables can't be made")?;
        let password = format!("{:016x}", rand::random::<u64>());
        let mut people = HashMap::new();
        for name in PEOPLE {
            people.insert(name, account(&gateway.identity, name, &password).await?);
        }
        Ok(Self { gateway, password, people })
    }

    async fn make(self) -> anyhow::Result<Note> {
        let scripts = [script::lobby(), script::engine_room(), script::builds()];
        let mut rooms = Vec::new();
        for script in &scripts {
            rooms.push(self.play(script).await.with_context(|| script.name.to_owned())?);
        }
        let (listener, speaker) = (self.people[PEOPLE[0]], self.people[PEOPLE[1]]);
        Ok(Note { password: self.password, listener, speaker, room: rooms[0] })
    }

    /// A room from its opening to its last message.
    async fn play(&self, script: &Script) -> anyhow::Result<RoomId> {
        let owner = self.person(script.owner)?;
        let code = room::code(&mut || rand::random());
        let create = room::Command::Create {
            name: script.name.to_owned(),
            description: script.description.to_owned(),
            code: code.clone(),
            max_users: 50,
            settings: room::Settings { is_public: script.public, ..room::Settings::default() },
        };
        let room = self.gateway.hub.create_room(owner, create).await.map_err(told)?.room;
        for &user in self.people.values().filter(|&&user| user != owner) {
            let join = room::Command::Join { code: Some(code.clone()) };
            self.gateway.hub.room_command(user, room, join).await.map_err(told)?;
        }
        let mut said: Vec<MessageId> = Vec::new();
        for line in &script.lines {
            let id = self.say(room, line, &said).await.with_context(|| line.content.clone())?;
            said.push(id);
        }
        Ok(room)
    }

    async fn say(&self, room: RoomId, line: &Line, said: &[MessageId]) -> anyhow::Result<MessageId> {
        let author = self.person(&line.author)?;
        let id = MessageId::mint(&*self.gateway.clock);
        let reply_to = line.answers.and_then(|back| said.len().checked_sub(back)).map(|index| said[index]);
        let draft = message::Draft {
            id,
            content: line.content.clone(),
            kind: message::Kind::Text,
            reply_to,
            thread_root: None,
        };
        self.tell(author, room, id, message::Command::Post(draft)).await?;
        for (who, emoji) in &line.reactions {
            self.tell(self.person(who)?, room, id, message::Command::React { emoji: emoji.clone() }).await?;
        }
        if let Some(content) = line.edited.clone() {
            self.tell(author, room, id, message::Command::Edit { content }).await?;
        }
        if line.pinned {
            self.tell(author, room, id, message::Command::Pin).await?;
        }
        if line.deleted {
            self.tell(author, room, id, message::Command::Delete).await?;
        }
        Ok(id)
    }

    async fn tell(&self, by: UserId, room: RoomId, id: MessageId, command: message::Command) -> anyhow::Result<()> {
        self.gateway.hub.message_command(by, room, id, command).await.map(drop).map_err(told)
    }

    fn person(&self, name: &str) -> anyhow::Result<UserId> {
        self.people.get(name).copied().ok_or_else(|| anyhow!("nobody is called {name}"))
    }
}

/// The account of that name: a database that was there before the log may have it.
async fn account(identity: &Identity, name: &str, password: &str) -> anyhow::Result<UserId> {
    if let Some(account) = identity.account_named(name).await.map_err(told)? {
        return Ok(account.id);
    }
    let registration = Registration {
        username: name.to_owned(),
        email: format!("{name}@example.org"),
        password: password.to_owned(),
        confirm_password: None,
    };
    Ok(identity.register(registration, &Device::default()).await.map_err(told)?.user.id)
}
