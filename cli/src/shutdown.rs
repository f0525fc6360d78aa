//! How a process is asked to end.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two ways of being asked.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Finish what is under way, and end.
    pub gently: CancellationToken,
    /// End.
    pub now: CancellationToken,
}

impl Shutdown {
    /// Listens for SIGINT and SIGTERM: the first asks gently, the second at once.
    pub fn on_signals() -> std::io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let shutdown = Self::default();
        tokio::spawn(shutdown.clone().listen(interrupt, terminate));
        Ok(shutdown)
    }

    async fn listen(self, mut interrupt: Signal, mut terminate: Signal) {
        for token in [&self.gently, &self.now] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            token.cancel();
        }
    }
}
