//! Makes the demo: accounts, rooms, and what became of them.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow};
use chrono::TimeDelta;
use sqlx::PgPool;
use voxlog_core::{
    call::{self, Media, MediaChange},
    clock::{Clock, ManualClock, SystemClock},
    id::{CallId, MessageId, RoomId, SessionId, UserId},
    message,
    position::Seq,
    room,
};
use voxlog_gateway::{
    Gateway,
    hub::Done,
    identity::{Device, Identity, Registration, operators, profile::ProfileChanges},
    rest::room_code,
    shapes::NewInvite,
};

use super::{
    Note, PEOPLE,
    bot::{self, Bot},
    script::{self, Line, Script},
};
use crate::commands::token::told;

/// Messages at the end of a room that its latecomer has not read.
const UNREAD: usize = 4;

/// For how long the demo's invite opens its room.
const INVITE_S: u32 = 30 * 24 * 60 * 60;

/// When the demo began, before now. What happens in it takes less.
const BEFORE_NOW: TimeDelta = TimeDelta::hours(52);

/// What `later` means in a script.
const HALF_A_DAY: TimeDelta = TimeDelta::hours(12);

pub(super) struct Maker<'a> {
    gateway: &'a Gateway,
    clock: &'a ManualClock,
    password: String,
    people: HashMap<&'static str, UserId>,
}

/// A room that was played.
struct Played {
    room: RoomId,
    /// Its messages, in their order.
    said: Vec<(MessageId, Seq)>,
}

/// A clock that a demo begins by. So its events are hours and days apart, as in life.
pub(super) fn clock() -> ManualClock {
    ManualClock::at(SystemClock.now() - BEFORE_NOW)
}

/// By which somebody of the demo signs in.
pub(super) fn email(name: &str) -> String {
    format!("{name}@example.org")
}

impl<'a> Maker<'a> {
    /// On a gateway that goes by this clock, which [`clock`] has made.
    pub(super) async fn new(gateway: &'a Gateway, clock: &'a ManualClock, pool: &PgPool) -> anyhow::Result<Self> {
        let identity = &gateway.identity;
        identity.migrate().await.context("identity's tables can't be made")?;
        let password = format!("{:016x}", rand::random::<u64>());
        let mut people = HashMap::new();
        for (name, display_name) in PEOPLE.into_iter().chain([(bot::NAME, bot::DISPLAY_NAME)]) {
            let user = account(identity, name, &password).await?;
            let display_name = Some(Some(display_name.to_owned()));
            let changes = ProfileChanges { display_name, ..ProfileChanges::default() };
            identity.change_profile(user, changes).await.map_err(told)?;
            people.insert(name, user);
        }
        operators::grant(pool, people[PEOPLE[0].0]).await.map_err(told)?;
        Ok(Self { gateway, clock, password, people })
    }

    pub(super) async fn make(self) -> anyhow::Result<Note> {
        self.play(&script::engine_room()).await?;
        let builds = self.play(&script::builds()).await?;
        let lobby = self.play(&script::lobby()).await?;
        self.invite(lobby.room).await?;
        self.call(lobby.room).await.context("the call")?;
        for played in [&lobby, &builds] {
            self.leave_unread(played).await?;
        }
        let [listener, speaker] = [0, 1].map(|index| self.people[PEOPLE[index].0]);
        let bot = Bot { user: self.people[bot::NAME], room: builds.room };
        Ok(Note { password: self.password, listener, speaker, room: lobby.room, bot: Some(bot) })
    }

    /// A room from its opening to its last message. The bot is where everybody may be.
    async fn play(&self, script: &Script) -> anyhow::Result<Played> {
        let room = self.open(script).await.with_context(|| script.name.to_owned())?;
        let mut played = Played { room, said: Vec::new() };
        for (number, line) in script.lines.iter().enumerate() {
            self.pass(script, number, line);
            let said = self.say(&played, line).await.with_context(|| line.content.clone())?;
            played.said.push(said);
        }
        Ok(played)
    }

    async fn open(&self, script: &Script) -> anyhow::Result<RoomId> {
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
        for (name, &user) in &self.people {
            if user != owner && (script.public || *name != bot::NAME) {
                let join = room::Command::Join { code: Some(code.clone()) };
                self.gateway.hub.room_command(user, room, join).await.map_err(told)?;
            }
        }
        Ok(room)
    }

    async fn say(&self, played: &Played, line: &Line) -> anyhow::Result<(MessageId, Seq)> {
        let (author, room) = (self.person(&line.author)?, played.room);
        let id = MessageId::mint(&*self.gateway.clock);
        let back = |count: Option<usize>| Some(played.said[played.said.len().checked_sub(count?)?].0);
        let draft = message::Draft {
            id,
            content: self.mentioning(&line.content),
            kind: message::Kind::Text,
            reply_to: back(line.answers),
            thread_root: back(line.thread),
        };
        let done = self.tell(author, room, id, message::Command::Post(draft)).await?;
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
        Ok((id, done.position.seq))
    }

    /// People take their time, some more than others.
    fn pass(&self, script: &Script, number: usize, line: &Line) {
        let percent = u32::try_from(60 + number * 37 % 80).unwrap_or(100);
        let pause = TimeDelta::from_std(script.pause * percent / 100).unwrap_or_default();
        self.clock.advance(pause + if line.later { HALF_A_DAY } else { TimeDelta::zero() });
    }

    /// A call that is over.
    async fn call(&self, room: RoomId) -> anyhow::Result<()> {
        use call::Command::{Join, Leave, Update};
        let sessions = PEOPLE.map(|_| SessionId::mint(self.clock));
        let id = CallId::mint(self.clock);
        let join = |who: usize| Join { session: sessions[who], call: id, seats: 8, media: Media::default() };
        let change = |who: usize, change| Update { session: sessions[who], change };
        let leave = |who: usize| Leave { session: sessions[who] };
        let screen = |on| MediaChange { screen: Some(on), ..MediaChange::default() };
        let muted = |on| MediaChange { muted: Some(on), ..MediaChange::default() };
        for (who, command, then_s) in [
            (0, join(0), 20),
            (1, join(1), 95),
            (2, join(2), 240),
            (1, change(1, screen(true)), 610),
            (2, change(2, muted(true)), 45),
            (2, change(2, muted(false)), 190),
            (1, change(1, screen(false)), 130),
            (2, leave(2), 70),
            (0, leave(0), 15),
            (1, leave(1), 60),
        ] {
            let by = self.person(PEOPLE[who].0)?;
            self.gateway.hub.call_command(by, room, command).await.map_err(told)?;
            self.clock.advance(TimeDelta::seconds(then_s));
        }
        Ok(())
    }

    /// `@ada` as a message has it.
    fn mentioning(&self, content: &str) -> String {
        let at = |content: String, (name, user): (&&str, &UserId)| {
            content.replace(&format!("@{name}"), &format!("<@{user}>"))
        };
        self.people.iter().fold(content.to_owned(), at)
    }

    async fn invite(&self, room: RoomId) -> anyhow::Result<()> {
        let invite = NewInvite { max_uses: Some(25), expires_in_s: Some(INVITE_S) };
        room_code::invite(self.gateway, self.person(PEOPLE[0].0)?, room, invite, None).await.map(drop).map_err(told)
    }

    /// Everybody has read the room, but the operator not its end.
    async fn leave_unread(&self, played: &Played) -> anyhow::Result<()> {
        for (name, &user) in &self.people {
            let left = if *name == PEOPLE[0].0 { UNREAD } else { 0 };
            let Some(last) = played.said.len().checked_sub(left + 1) else { continue };
            self.gateway.hub.mark_read(user, played.room, played.said[last].1).await.map_err(told)?;
        }
        Ok(())
    }

    async fn tell(&self, by: UserId, room: RoomId, id: MessageId, command: message::Command) -> anyhow::Result<Done> {
        self.gateway.hub.message_command(by, room, id, command).await.map_err(told)
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
        email: email(name),
        password: password.to_owned(),
        confirm_password: None,
    };
    Ok(identity.register(registration, &Device::default()).await.map_err(told)?.user.id)
}
