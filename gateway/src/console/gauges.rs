//! The sockets of a node, counted for those who look after it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::close::Close;

/// What is counted.
#[derive(Debug, Default)]
pub struct Gauges {
    sockets: AtomicU64,
    lagging: AtomicU64,
    lagged: AtomicU64,
    closes: Mutex<BTreeMap<u16, u64>>,
}

/// One socket. It counts until it is dropped.
#[derive(Debug)]
pub struct Counted {
    gauges: Arc<Gauges>,
    lagging: bool,
}

impl Gauges {
    /// Counts a socket from now on.
    pub fn count(self: &Arc<Self>) -> Counted {
        self.sockets.fetch_add(1, Ordering::Relaxed);
        Counted { gauges: Arc::clone(self), lagging: false }
    }

    /// Open sockets, whether they have said hello or not.
    pub fn sockets(&self) -> u64 {
        self.sockets.load(Ordering::Relaxed)
    }

    /// Those of them that are read to from the log because they were too slow.
    pub fn lagging(&self) -> u64 {
        self.lagging.load(Ordering::Relaxed)
    }

    /// How often one was too slow since the node began.
    pub fn lagged(&self) -> u64 {
        self.lagged.load(Ordering::Relaxed)
    }

    /// How often the node has closed a socket, by close code.
    pub fn closes(&self) -> BTreeMap<u16, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, u64>> {
        self.closes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// It has become too slow, or has caught up.
    pub fn lags(&mut self, lagging: bool) {
        if self.lagging == lagging {
            return;
        }
        self.lagging = lagging;
        if lagging {
            self.gauges.lagging.fetch_add(1, Ordering::Relaxed);
            self.gauges.lagged.fetch_add(1, Ordering::Relaxed);
        } else {
            self.gauges.lagging.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The node closes it.
    pub fn closed(&self, close: Close) {
        *self.gauges.lock().entry(close.code()).or_default() += 1;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.lags(false);
        self.gauges.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_counts_until_it_is_dropped() {
        let gauges = Arc::new(Gauges::default());
        let (mut slow, fast) = (gauges.count(), gauges.count());
        slow.lags(true);
        slow.lags(true);
        fast.closed(Close::Revoked);
        assert_eq!((gauges.sockets(), gauges.lagging(), gauges.lagged()), (2, 1, 1));
        drop((slow, fast));
        assert_eq!((gauges.sockets(), gauges.lagging(), gauges.lagged()), (0, 0, 1));
        assert_eq!(gauges.closes(), [(Close::Revoked.code(), 1)].into());
    }
}
