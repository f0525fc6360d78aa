//! What a client has seen of a room, checked event by event.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

/// An event as a client gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Which room.
    pub room: String,
    /// `ctl`, `msg` or `call`.
    pub class: String,
    /// Where in the log.
    pub seq: u64,
    /// The seq before it on its chain.
    pub prev: u64,
    /// The CloudEvent.
    pub event: Value,
}

/// A room as one client sees it over any number of connections and gateways. It refuses an event that comes twice,
/// comes before an earlier one, or leaves a gap on its chain; and heads that promise what has not come.
#[derive(Debug, Clone)]
pub struct RoomView {
    room: String,
    begun: bool,
    heads: [u64; 3],
    last: u64,
    seen: Vec<(u64, String)>,
    lost: Option<String>,
}

const CLASSES: [&str; 3] = ["ctl", "msg", "call"];

impl Event {
    /// Reads an `event` frame.
    pub fn of(frame: &Value) -> Result<Self> {
        ensure!(frame["op"] == "event", "not an event: {frame}");
        let text = |name: &str| frame[name].as_str().map(str::to_owned).with_context(|| format!("{name} in {frame}"));
        let number = |name: &str| frame[name].as_u64().with_context(|| format!("{name} in {frame}"));
        Ok(Self {
            room: text("room")?,
            class: text("class")?,
            seq: number("seq")?,
            prev: number("prev")?,
            event: frame["event"].clone(),
        })
    }
}

impl RoomView {
    /// A view that has nothing yet: it begins at the room's heads.
    pub fn new(room: impl Into<String>) -> Self {
        Self { room: room.into(), begun: false, heads: [0; 3], last: 0, seen: Vec::new(), lost: None }
    }

    /// A view that wants everything from the room's first event on.
    pub fn from_the_beginning(room: impl Into<String>) -> Self {
        Self { begun: true, ..Self::new(room) }
    }

    /// Which room.
    pub fn room(&self) -> &str {
        &self.room
    }

    /// The cursor to resume with; null for a view that has nothing yet.
    pub fn cursor(&self) -> Value {
        let [ctl, msg, call] = self.heads;
        if self.begun { json!({"ctl": ctl, "msg": msg, "call": call}) } else { Value::Null }
    }

    /// The last seq of any class.
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// What came, in order: the seq and the id of each event.
    pub fn seen(&self) -> &[(u64, String)] {
        &self.seen
    }

    /// The code with which the subscription was ended, if it was.
    pub fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Takes in `subscribed`. Who had a cursor must get all since; who had none begins at the heads.
    pub fn begin(&mut self, subscribed: &Value) -> Result<()> {
        ensure!(subscribed["room"] == self.room.as_str(), "subscribed to another room: {subscribed}");
        self.lost = None;
        if self.begun {
            ensure!(subscribed["recovered"] == true, "{self} was not recovered: {subscribed}");
            return Ok(());
        }
        for (head, class) in self.heads.iter_mut().zip(CLASSES) {
            *head = subscribed["heads"][class].as_u64().with_context(|| format!("heads in {subscribed}"))?;
        }
        self.last = self.heads.into_iter().max().unwrap_or_default();
        self.begun = true;
        Ok(())
    }

    /// Looks at any frame that answers nothing; what is about other rooms is left alone.
    pub fn look_at(&mut self, frame: &Value) -> Result<()> {
        match frame["op"].as_str() {
            Some("event") if frame["room"] == self.room.as_str() => self.take(&Event::of(frame)?),
            Some("heads") => self.compare(&frame["rooms"][&self.room]),
            Some("error") if frame["room"] == self.room.as_str() => {
                self.lost = frame["code"].as_str().map(str::to_owned);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes in an event of this room.
    pub fn take(&mut self, event: &Event) -> Result<()> {
        let Event { class, seq, prev, .. } = event;
        let Some(which) = CLASSES.iter().position(|known| known == class) else { bail!("a class {class}") };
        let had = self.heads[which];
        ensure!(self.lost.is_none(), "{self} got {class} {seq} after its end");
        ensure!(*seq > had, "{self} got {class} {seq} twice");
        ensure!(*seq > self.last, "{self} got {class} {seq} too late");
        ensure!(*prev == had, "{self} has a gap: {class} {seq} follows {prev}, not {had}");
        (self.heads[which], self.last) = (*seq, *seq);
        let id = event.event["id"].as_str().with_context(|| format!("{class} {seq} has no id"))?;
        self.seen.push((*seq, id.to_owned()));
        Ok(())
    }

    fn compare(&self, heads: &Value) -> Result<()> {
        for (had, class) in self.heads.into_iter().zip(CLASSES) {
            let head = heads[class].as_u64().unwrap_or_default();
            ensure!(head <= had, "{self} was promised {class} {head}, which has not come");
        }
        Ok(())
    }
}

impl fmt::Display for RoomView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ctl, msg, call] = self.heads;
        write!(f, "room {} at ctl {ctl}, msg {msg}, call {call}", self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(class: &str, seq: u64, prev: u64) -> Value {
        json!({"op": "event", "room": "r", "class": class, "seq": seq, "prev": prev, "event": {"id": "e"}})
    }

    fn after(events: &[(&str, u64, u64)]) -> Result<RoomView> {
        let mut view = RoomView::from_the_beginning("r");
        for (class, seq, prev) in events {
            view.look_at(&event(class, *seq, *prev))?;
        }
        Ok(view)
    }

    #[test]
    fn a_closed_chain_is_accepted_and_is_the_next_cursor() {
        let view = after(&[("ctl", 1, 0), ("msg", 3, 0), ("msg", 4, 3), ("ctl", 6, 1)]).unwrap();
        assert_eq!(view.cursor(), json!({"ctl": 6, "msg": 4, "call": 0}));
    }

    #[test]
    fn a_gap_a_repetition_and_a_wrong_order_are_found() {
        assert!(after(&[("msg", 3, 0), ("msg", 5, 4)]).is_err());
        assert!(after(&[("msg", 3, 0), ("msg", 3, 0)]).is_err());
        assert!(after(&[("msg", 3, 0), ("ctl", 2, 0)]).is_err());
        assert!(after(&[("msg", 3, 1)]).is_err());
    }

    #[test]
    fn heads_beyond_what_came_are_found() {
        let mut view = after(&[("msg", 3, 0)]).unwrap();
        let heads = |msg: u64| json!({"op": "heads", "rooms": {"r": {"ctl": 0, "msg": msg, "call": 0}}});
        assert!(view.look_at(&heads(3)).is_ok());
        assert!(view.look_at(&json!({"op": "heads", "rooms": {}})).is_ok());
        assert!(view.look_at(&heads(4)).is_err());
    }

    #[test]
    fn nothing_may_follow_the_end_of_a_subscription() {
        let mut view = after(&[("msg", 3, 0)]).unwrap();
        view.look_at(&json!({"op": "error", "room": "r", "code": "not_a_member"})).unwrap();
        assert_eq!(view.lost(), Some("not_a_member"));
        assert!(view.look_at(&event("msg", 4, 3)).is_err());
    }
}
