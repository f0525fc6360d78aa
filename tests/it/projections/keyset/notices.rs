//! What PostgreSQL says beside its answers: the plans of `auto_explain`.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{DefaultGuard, set_default},
};

use super::super::world::World;

/// Where sqlx puts what the server says.
const TARGET: &str = "sqlx::postgres::notice";

/// The notices that this thread's connections get.
#[derive(Debug, Clone, Default)]
pub(super) struct Notices(Arc<Mutex<Vec<String>>>);

impl Notices {
    /// From now on every new connection to the world's database is told the plans of its statements.
    pub(super) async fn let_plans_be_told(world: &World) {
        let settings = [
            ("session_preload_libraries", "auto_explain"),
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_analyze", "on"),
            ("auto_explain.log_buffers", "on"),
            ("auto_explain.log_format", "json"),
            ("client_min_messages", "log"),
            // Whether a statement is compiled depends on its cost, and compiling touches blocks.
            ("jit", "off"),
        ];
        for (name, value) in settings {
            let set = format!(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {name} = %L', current_database(), '{value}'); END $$"
            );
            world.sql(&set).await;
        }
    }

    /// Listens for as long as the second half lives, on this thread.
    pub(super) fn listen() -> (Self, DefaultGuard) {
        let notices = Self::default();
        (notices.clone(), set_default(notices))
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// The plan of the last statement.
    pub(super) fn last_plan(&self) -> Option<Value> {
        let notices = self.0.lock().unwrap();
        let plan = |notice: &String| serde_json::from_str::<Value>(&notice[notice.find('{')?..]).ok();
        notices.iter().rev().find_map(plan).map(|mut told| told["Plan"].take())
    }
}

impl Subscriber for Notices {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Message(&mut self.0.lock().unwrap()));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Keeps an event's message.
struct Message<'a>(&'a mut Vec<String>);

impl Visit for Message<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.0.push(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
