//! A key-value bucket of NATS that all gateways share: made when it is first needed, and never waited for for long.

use std::time::Duration;

use async_nats::{
    Client,
    connection::State as Connection,
    jetstream::{self, context::KeyValueErrorKind, kv},
};
use tokio::{sync::OnceCell, time::timeout};

/// How long the bucket may take for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A bucket, and how it is made.
#[derive(Debug)]
pub(crate) struct Bucket {
    client: Client,
    config: kv::Config,
    opened: OnceCell<kv::Store>,
}

/// The bucket can't be asked now; that has been logged. What was to be written may have been.
#[derive(Debug)]
pub(crate) struct Away;

impl Bucket {
    /// A bucket that need not be there yet.
    pub(crate) fn new(client: Client, config: kv::Config) -> Self {
        Self { client, config, opened: OnceCell::new() }
    }

    /// Does something with the bucket, unless that takes too long.
    pub(crate) async fn patiently<T>(
        &self,
        work: impl AsyncFnOnce(&kv::Store) -> Result<T, async_nats::Error>,
    ) -> Result<T, Away> {
        // What waits for a connection would be sent when nobody asks for it any more.
        if self.client.connection_state() == Connection::Disconnected {
            return Err(Away);
        }
        let work = async { work(self.opened.get_or_try_init(|| self.open()).await?).await };
        match timeout(PATIENCE, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                tracing::warn!(%error, bucket = self.config.bucket, "a bucket can't be used");
                Err(Away)
            }
            Err(_) => Err(Away),
        }
    }

    async fn open(&self) -> Result<kv::Store, async_nats::Error> {
        let context = jetstream::new(self.client.clone());
        match context.get_key_value(&self.config.bucket).await {
            Ok(bucket) => return Ok(bucket),
            Err(error) if error.kind() == KeyValueErrorKind::GetBucket => {}
            Err(error) => return Err(error.into()),
        }
        Ok(context.create_key_value(self.config.clone()).await?)
    }
}
