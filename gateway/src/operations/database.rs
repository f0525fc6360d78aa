//! Whether a database answers, asked once for all who want to know.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

use super::Part;

/// How long a probe waits for PostgreSQL: probes are asked often, and an answer late is no answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a look holds. Anybody may ask how a node is, and each look takes a connection that a sign-in may need.
const FRESH: Duration = Duration::from_secs(1);

/// What the last look at a database found.
#[derive(Debug, Default)]
pub struct Database(Mutex<Option<(Instant, Part)>>);

impl Database {
    /// What the database is taken for: as it was found within the last second, else as it is found now. Whoever asks
    /// meanwhile waits for the same look.
    pub async fn look(&self, is_reachable: impl Future<Output = bool>) -> Part {
        let mut last = self.0.lock().await;
        if let Some((found, part)) = *last
            && found.elapsed() < FRESH
        {
            return part;
        }
        let reachable = tokio::time::timeout(PATIENCE, is_reachable).await;
        let part = if reachable == Ok(true) { Part::Ok } else { Part::Away };
        *last = Some((Instant::now(), part));
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_database_that_answers_late_is_away() {
        assert_eq!(Database::default().look(async { true }).await, Part::Ok);
        assert_eq!(Database::default().look(async { false }).await, Part::Away);
        assert_eq!(Database::default().look(std::future::pending()).await, Part::Away);
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_within_a_second_share_one_look() {
        let database = Database::default();
        assert_eq!(database.look(async { true }).await, Part::Ok);
        assert_eq!(database.look(async { unreachable!("it was looked at just now") }).await, Part::Ok);
        tokio::time::advance(FRESH).await;
        assert_eq!(database.look(async { false }).await, Part::Away);
    }
}
