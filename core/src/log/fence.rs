//! The guard of an append as the server knows it, and how the server's refusals are read.

use std::time::Duration;

use async_nats::{HeaderMap, header};
use rand::RngExt;
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    AppendError,
    api::{ApiError, WireError},
};
use crate::position::Seq;

/// No constant of the library names it. Always a literal subject, spelled the same by every writer: with a wildcard,
/// replicated streams accept stale guards.
const EXPECTED_ON: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// How long an append is retried before it is called unknown. A lost leader is replaced after 4 to 9 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// A try that was turned away because another was in flight may go again as soon as that one is done.
const BUSY_PAUSE: Duration = Duration::from_millis(1);
const BUSY_PAUSE_MAX: Duration = Duration::from_millis(20);

/// A try that had no answer, or found no leader, waits for the cluster to find itself.
const AWAY_PAUSE: Duration = Duration::from_millis(50);
const AWAY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What the server must find before it takes a message: the last seq of a subject.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// A literal subject.
    pub(crate) subject: String,
    /// 0 when it has no message yet.
    pub(crate) last: Seq,
}

impl Expected {
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, self.last.to_string());
        headers.insert(EXPECTED_ON, self.subject.as_str());
    }
}

/// The server took it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ack {
    /// The seq of the message, of a batch its last one's.
    pub(crate) seq: Seq,
    pub(crate) duplicate: bool,
}

/// The server did not take it, this time.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// The guard's subject stands elsewhere.
    Conflict(Seq),
    /// A batch has an id that is stored already.
    Duplicate(String),
    /// Not taken, because something else is in flight: soon again.
    Busy(String),
    /// Not taken, because nobody was there to take it.
    Away(String),
    /// Taken or not.
    Unknown(String),
    /// Not taken, and never will be.
    Never(String),
}

#[derive(Deserialize)]
struct WireAck {
    error: Option<WireError>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

/// Reads the answer to a publish, or to the last message of a batch.
pub(crate) fn read_ack(answer: &[u8]) -> Result<Ack, Refusal> {
    match serde_json::from_slice(answer) {
        Ok(WireAck { error: Some(error), .. }) => Err(error.into()),
        Ok(WireAck { error: None, seq, duplicate }) if seq > 0 => Ok(Ack { seq: Seq(seq), duplicate }),
        Ok(_) => Err(Refusal::Unknown("an acknowledgement without a seq".to_owned())),
        Err(error) => Err(Refusal::Unknown(error.to_string())),
    }
}

impl From<WireError> for Refusal {
    /// The codes are those of the server's `errors.json`.
    fn from(WireError { err_code, description }: WireError) -> Self {
        match err_code {
            10071 => match description.rsplit(' ').next().and_then(|seq| seq.parse().ok()) {
                Some(seq) => Self::Conflict(Seq(seq)),
                None => Self::Unknown(description),
            },
            10201 => Self::Duplicate(description),
            // A guard on the same subject is in flight; too many batches; a batch that lost a part.
            10164 | 10176 | 10211 => Self::Busy(description),
            // A leader that is not ready yet, or has too much to do; none at all.
            10008 | 10009 | 10023 | 10163 | 10167 => Self::Away(description),
            // The same id is in process; the store failed.
            10077 | 10158 => Self::Unknown(description),
            _ => Self::Never(format!("{description} ({err_code})")),
        }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Server { code, description } => WireError { err_code: code, description }.into(),
            ApiError::NoResponders => Self::Away("the stream has no leader".to_owned()),
            ApiError::NoAnswer(what) | ApiError::Malformed(what) => Self::Unknown(what),
            ApiError::TooLarge(what) => Self::Never(what),
        }
    }
}

/// What one append has been through: how long it has been tried, and whether a try of it had no answer.
#[derive(Debug)]
pub(crate) struct Patience {
    until: Instant,
    unsettled: bool,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { until: Instant::now() + PATIENCE, unsettled: false, pause: Duration::ZERO }
    }

    /// Whether a try had no answer, so that the record may stand in the log.
    pub(crate) fn unsettled(&self) -> bool {
        self.unsettled
    }

    /// Takes note of a refusal: another try after the pause, or the end.
    pub(crate) fn bear(&mut self, refusal: &Refusal) -> Result<Duration, AppendError> {
        let (least, most, what) = match refusal {
            &Refusal::Conflict(seen) => return Err(AppendError::Conflict { seen, unsettled: self.unsettled }),
            Refusal::Never(what) => return Err(self.end(what)),
            Refusal::Busy(what) => (BUSY_PAUSE, BUSY_PAUSE_MAX, what),
            Refusal::Away(what) | Refusal::Duplicate(what) => (AWAY_PAUSE, AWAY_PAUSE_MAX, what),
            Refusal::Unknown(what) => {
                self.unsettled = true;
                (AWAY_PAUSE, AWAY_PAUSE_MAX, what)
            }
        };
        if Instant::now() >= self.until {
            return Err(self.end(what));
        }
        self.pause = (self.pause * 2).clamp(least, most);
        Ok(self.pause.mul_f64(rand::rng().random_range(0.5..1.5)))
    }

    /// As [`bear`](Self::bear), the pause included.
    pub(crate) async fn wait(&mut self, refusal: &Refusal) -> Result<(), AppendError> {
        let pause = self.bear(refusal)?;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn end(&self, what: &str) -> AppendError {
        if self.unsettled { AppendError::Unknown(what.to_owned()) } else { AppendError::Refused(what.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(answer: &str) -> Refusal {
        read_ack(answer.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_refusal_by_the_guard_tells_where_the_guard_stands() {
        let answer = r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 42"},"stream":"LOG_1","seq":0}"#;
        assert!(matches!(refusal(answer), Refusal::Conflict(Seq(42))), "{answer}");
    }

    #[test]
    fn a_guard_in_flight_is_no_conflict() {
        let answer = r#"{"error":{"code":400,"err_code":10164,"description":"wrong last sequence"},"seq":0}"#;
        assert!(matches!(refusal(answer), Refusal::Busy(_)));
    }

    #[test]
    fn an_answer_that_says_nothing_leaves_it_unknown() {
        for answer in ["", "{}", "not json", r#"{"seq":0}"#] {
            assert!(matches!(refusal(answer), Refusal::Unknown(_)), "{answer}");
        }
    }

    #[test]
    fn a_conflict_after_an_unanswered_try_is_unsettled() {
        let mut patience = Patience::new();
        assert!(patience.bear(&Refusal::Busy(String::new())).is_ok());
        let settled = patience.bear(&Refusal::Conflict(Seq(7)));
        assert_eq!(settled, Err(AppendError::Conflict { seen: Seq(7), unsettled: false }));
        assert!(patience.bear(&Refusal::Unknown(String::new())).is_ok());
        let unsettled = patience.bear(&Refusal::Conflict(Seq(7)));
        assert_eq!(unsettled, Err(AppendError::Conflict { seen: Seq(7), unsettled: true }));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_answered_is_unknown_after_15_s_and_not_before() {
        let (mut patience, begun) = (Patience::new(), Instant::now());
        let end = loop {
            if let Err(end) = patience.wait(&Refusal::Unknown("silence".to_owned())).await {
                break end;
            }
        };
        assert_eq!(end, AppendError::Unknown("silence".to_owned()));
        assert!(begun.elapsed() >= PATIENCE);
    }
}
