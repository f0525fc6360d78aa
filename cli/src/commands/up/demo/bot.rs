//! A bot that lives as long as the node: it greets who joins, answers who mentions it, and posts what a build server would.
//!
//! It reads the log like every follower and writes through the same commands as everybody, so it may do in a room what
//! its seat there allows. What it is refused, it leaves.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::select_all};
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval_at};
use voxlog_core::{
    envelope::Envelope,
    event::{Event, Subject},
    id::{MessageId, RoomId, UserId},
    log::{Log, Stored},
    message::{self, Kind},
    position::Seq,
    room,
};
use voxlog_gateway::Gateway;

/// Its username, and what others call it.
pub(super) const NAME: &str = "echo-bot";
pub(super) const DISPLAY_NAME: &str = "Echo";

/// A build takes its time, and an instance that runs all night should not fill its room.
const BUILD_EVERY: Duration = Duration::from_mins(5);

/// The number of the first build after those that the demo was made with.
const FIRST_BUILD: i64 = 561;

/// Who it is, and where it posts unasked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(in crate::commands) struct Bot {
    pub(super) user: UserId,
    pub(super) room: RoomId,
}

/// Lets it live without end, on what comes into the log from now on.
pub(in crate::commands) async fn live(bot: Bot, gateway: Arc<Gateway>, log: Arc<dyn Log>) {
    let mut feeds = Vec::new();
    for partition in log.partitions().all() {
        let Ok(tail) = log.tail(partition).await else { return };
        feeds.push(log.follow(partition, tail.last));
    }
    let mut news = select_all(feeds);
    let mut builds = interval_at(tokio::time::Instant::now() + BUILD_EVERY, BUILD_EVERY);
    builds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            Some(Ok(stored)) = news.next() => bot.hear(&gateway, &stored).await,
            _ = builds.tick() => bot.build(&gateway).await,
            else => return,
        }
    }
}

impl Bot {
    async fn hear(&self, gateway: &Arc<Gateway>, stored: &Stored) {
        let Ok(Envelope { subject: Subject::Room(room), event, .. }) = Envelope::decode(&stored.payload) else {
            return;
        };
        match event {
            Event::Room(
                room::Event::Joined { user_id, .. }
                | room::Event::InviteUsed { user_id, .. }
                | room::Event::Approved { user_id, .. },
            ) if user_id != self.user => {
                self.say(gateway, room, welcome(user_id), None).await;
            }
            Event::Message(message::Event::Posted { message_id, author_id, content, mentions, .. })
                if author_id != self.user && mentions.contains(&self.user) =>
            {
                let said = content.replace(&format!("<@{}>", self.user), "");
                self.say(gateway, room, answer(&said, stored.seq), Some(message_id)).await;
            }
            _ => {}
        }
    }

    async fn build(&self, gateway: &Arc<Gateway>) {
        let age = gateway.clock.now() - self.room.time();
        let number = FIRST_BUILD + age.num_seconds() / BUILD_EVERY.as_secs().cast_signed();
        self.say(gateway, self.room, build(number), None).await;
    }

    async fn say(&self, gateway: &Arc<Gateway>, room: RoomId, content: String, reply_to: Option<MessageId>) {
        // Only a room that it is in concerns it, and most are others'.
        if !matches!(gateway.hub.role(room, self.user).await, Ok(Some(_))) {
            return;
        }
        let id = MessageId::mint(&*gateway.clock);
        let draft = message::Draft { id, content, kind: Kind::Text, reply_to, thread_root: None };
        if let Err(refused) = gateway.hub.message_command(self.user, room, id, message::Command::Post(draft)).await {
            tracing::debug!(room.id = %room, why = %refused.detail, "the bot keeps silent");
        }
    }
}

fn welcome(user: UserId) -> String {
    format!("Welcome, <@{user}>! Mention me and I answer. `help` tells what I know.")
}

/// What it answers to what was said at a place of the log.
fn answer(said: &str, seq: Seq) -> String {
    let said = said.trim();
    let chars: String = said.chars().take(500).collect();
    match said.to_lowercase().trim_end_matches(['!', '?', '.']) {
        "" => "Yes?".to_owned(),
        "help" => "`ping`, `seq`, `reverse TEXT`. Anything else I say again.".to_owned(),
        "ping" => "pong".to_owned(),
        "seq" => format!("Your message is event {} of its partition.", seq.0),
        _ => match chars.strip_prefix("reverse ") {
            Some(text) => text.chars().rev().collect(),
            None => format!("“{chars}”, you say."),
        },
    }
}

fn build(number: i64) -> String {
    let (tests, seconds) = (1180 + number / 3, 41 + number * 7 % 23);
    format!("build {number}: green, {tests} tests in {seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_what_it_knows_and_echoes_the_rest() {
        let answer = |said: &str| answer(said, Seq(42));
        assert_eq!(answer(" ping? "), "pong");
        assert_eq!(answer("seq"), "Your message is event 42 of its partition.");
        assert_eq!(answer("reverse abc"), "cba");
        assert_eq!(answer("Good morning"), "“Good morning”, you say.");
        assert!(answer(&"x".repeat(4000)).chars().count() < 600);
    }
}
