//! What is said in the demo's rooms.
//!
//! A conversation is a text file with a message a line: `author | content`, and after further bars what became of it:
//! `^2` it answers the message two before it, `~2` it stands in the thread of that one, `+👍 boris` boris reacted, `=…` its author edited it, `pin`, `delete`, and `later` when half a day had
//! passed before it.

use std::time::Duration;

use super::bot::NAME;

/// A room and everything that is said in it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) owner: &'static str,
    /// Whether it is listed and open to all.
    pub(super) public: bool,
    /// Between two of its messages, about.
    pub(super) pause: Duration,
    pub(super) lines: Vec<Line>,
}

/// A message and what became of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) author: String,
    pub(super) content: String,
    /// How many messages before it stands the one that it answers.
    pub(super) answers: Option<usize>,
    /// How many messages before it stands the one whose thread it is in.
    pub(super) thread: Option<usize>,
    /// Who, and with what.
    pub(super) reactions: Vec<(String, String)>,
    pub(super) edited: Option<String>,
    /// Only the room's owner may.
    pub(super) pinned: bool,
    pub(super) deleted: bool,
    /// Half a day had passed.
    pub(super) later: bool,
}

pub(super) fn lobby() -> Script {
    Script {
        name: "Lobby",
        description: "Say hello, ask anything",
        owner: "ada",
        public: true,
        pause: Duration::from_secs(130),
        lines: conversation(include_str!("lobby.txt")),
    }
}

pub(super) fn engine_room() -> Script {
    Script {
        name: "Engine room",
        description: "Where the log is read closely",
        owner: "boris",
        public: false,
        pause: Duration::from_secs(90),
        lines: conversation(include_str!("engine_room.txt")),
    }
}

/// What a build server says, with those who answer when it is red.
pub(super) fn builds() -> Script {
    let lines = (401..=560).flat_map(build).collect();
    let (name, description) = ("Builds", "Every build of the main branch");
    Script { name, description, owner: "chen", public: true, pause: Duration::from_mins(7), lines }
}

fn build(number: usize) -> Vec<Line> {
    let (tests, seconds) = (1180 + number / 3, 41 + number * 7 % 23);
    let say = |author: &str, content: String| Line { author: author.to_owned(), content, ..Line::default() };
    if !number.is_multiple_of(13) {
        return vec![say(NAME, format!("build {number}: green, {tests} tests in {seconds} s"))];
    }
    let red = say(NAME, format!("build {number}: RED, 2 of {tests} tests failed after {seconds} s"));
    let answer = Line { answers: Some(1), ..say("boris", format!("{number} is mine, looking at it")) };
    let seen = vec![("ada".to_owned(), "👀".to_owned())];
    vec![Line { reactions: seen, ..red }, answer]
}

fn conversation(text: &str) -> Vec<Line> {
    text.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
}

fn line(text: &str) -> Line {
    let mut parts = text.split(" | ").map(str::trim);
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let mut line = Line { author: part(), content: part(), ..Line::default() };
    for mark in parts {
        match mark.split_at_checked(1) {
            Some(("^", back)) => line.answers = back.parse().ok(),
            Some(("~", back)) => line.thread = back.parse().ok(),
            Some(("=", content)) => line.edited = Some(content.to_owned()),
            Some(("+", reaction)) => {
                let (emoji, who) = reaction.split_once(' ').unwrap_or((reaction, "ada"));
                line.reactions.push((who.to_owned(), emoji.to_owned()));
            }
            _ => {
                line.pinned |= mark == "pin";
                line.deleted |= mark == "delete";
                line.later |= mark == "later";
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_was_said_and_what_became_of_it() {
        let read = line("ada | Hi | ^2 | +👍 boris | =Hi all | pin");
        let (author, content) = ("ada".to_owned(), "Hi".to_owned());
        let reactions = vec![("boris".to_owned(), "👍".to_owned())];
        let edited = Some("Hi all".to_owned());
        let marked = Line { pinned: true, ..Line::default() };
        let expected = Line { author, content, answers: Some(2), reactions, edited, ..marked };
        assert_eq!(read, expected);
        let read = line("ada | Hi | ~3 | later");
        assert_eq!((read.thread, read.later), (Some(3), true));
    }

    #[test]
    fn the_scripts_keep_the_rules_of_rooms() {
        let mut said = 0;
        for script in [lobby(), engine_room(), builds()] {
            said += script.lines.len();
            for (index, line) in script.lines.iter().enumerate() {
                let people = line.reactions.iter().map(|(who, _)| who).chain([&line.author]);
                assert!(people.clone().all(|who| ["ada", "boris", "chen", NAME].contains(&who.as_str())), "{line:?}");
                assert!((1..=4000).contains(&line.content.chars().count()), "{line:?}");
                assert!(line.answers.is_none_or(|back| (1..=index).contains(&back)), "{line:?}");
                assert!(line.thread.is_none_or(|back| (1..=index).contains(&back)), "{line:?}");
                assert!(!line.pinned || line.author == script.owner, "{line:?}");
            }
        }
        assert!(said >= 200, "{said} is not some hundred");
    }
}
