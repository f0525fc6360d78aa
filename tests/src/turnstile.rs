//! A database that is away in the quickest way: it hangs up on everybody. Where nobody listens, a pool tries again for as
//! long as it may.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::net::TcpListener;

/// A database's URL behind which everybody is hung up on and counted.
#[derive(Debug, Clone)]
pub struct Turnstile {
    /// Where to come.
    pub url: String,
    came: Arc<AtomicUsize>,
}

impl Turnstile {
    /// Listens for as long as the test runs.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let (url, came) = (format!("postgres://nobody@{address}/nothing"), Arc::default());
        let turnstile = Self { url, came };
        let came = Arc::clone(&turnstile.came);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                came.fetch_add(1, Ordering::Relaxed);
            }
        });
        turnstile
    }

    /// How many have come.
    pub fn count(&self) -> usize {
        self.came.load(Ordering::Relaxed)
    }
}
