//! The signals of one socket: what has been written, and whether something must be read again.
//!
//! The same as with rooms: while the inbox is *behind* it leaves what is heard alone and reads the stream, again for as
//! long as something was heard meanwhile; then it is *live*. The socket is attached before the first read begins, so
//! whatever the read did not find is heard. What comes twice is known by its seq.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use voxlog_core::{id::SessionId, position::Seq};

use super::{Signal, Signals};
use crate::hub::Outbox;

/// How long it waits before it asks again when the stream could not be read.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A session's signals on their way to a socket.
#[derive(Debug)]
pub(crate) struct Inbox {
    signals: Arc<Signals>,
    session: SessionId,
    outbox: Arc<Outbox>,
    /// The last one that was written, or was not for this session any more.
    last: Seq,
    /// The read under way; none while it is live.
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    task: JoinHandle<(Vec<Arc<Signal>>, Seq)>,
    /// Something was heard since it began, which it may not have found.
    again: bool,
}

impl Inbox {
    /// An inbox that is attached. Who resumes says after which signal.
    pub(super) fn new(signals: Arc<Signals>, session: SessionId, outbox: Arc<Outbox>, after: Option<Seq>) -> Self {
        let mut inbox = Self { signals, session, outbox, last: after.unwrap_or_default(), reading: None };
        if after.is_some() {
            inbox.read_again();
        }
        inbox
    }

    /// Whether a signal that was heard is to be written now. Then it counts as written.
    pub(crate) fn admit(&mut self, signal: &Signal) -> bool {
        if signal.to != self.session || signal.seq <= self.last {
            return false;
        }
        if let Some(reading) = &mut self.reading {
            reading.again = true;
            return false;
        }
        if !self.signals.is_in(self.session, signal) {
            // This node may be behind the one that took it: reading waits until it is not.
            self.read_again();
            return false;
        }
        self.last = signal.seq;
        true
    }

    /// Something may have been lost.
    pub(crate) fn missed(&mut self) {
        match &mut self.reading {
            Some(reading) => reading.again = true,
            None => self.read_again(),
        }
    }

    /// Waits for the read under way: what it found is to be written. Cancel safe.
    pub(crate) async fn read(&mut self) -> Vec<Arc<Signal>> {
        let Some(reading) = &mut self.reading else { return pending().await };
        let outcome = (&mut reading.task).await;
        let again = reading.again;
        self.reading = None;
        match outcome {
            Ok((signals, last)) => {
                self.last = self.last.max(last);
                if again {
                    self.read_again();
                }
                signals
            }
            Err(error) => {
                tracing::error!(%error, "signals could not be read");
                self.read_again();
                Vec::new()
            }
        }
    }

    fn read_again(&mut self) {
        let (signals, session, after) = (Arc::clone(&self.signals), self.session, self.last);
        let task = tokio::spawn(async move {
            loop {
                match signals.kept(session, after).await {
                    Ok(read) => return read,
                    Err(error) => tracing::debug!(detail = %error.detail, "signals are read again later"),
                }
                tokio::time::sleep(RETRY_AFTER).await;
            }
        });
        self.reading = Some(Reading { task, again: false });
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.signals.detach(self.session, &self.outbox);
        if let Some(reading) = &self.reading {
            reading.task.abort();
        }
    }
}
