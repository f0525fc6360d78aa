//! The yardstick of the replay: a bare consumer of the NATS library that counts a stream's records and does nothing
//! else. `voxlog-count URL STREAM` prints how many there are.

use anyhow::{Context, Result};
use async_nats::jetstream::{self, consumer};
use futures_util::StreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (url, stream) = arguments.next().zip(arguments.next()).context("usage: voxlog-count URL STREAM")?;
    let context = jetstream::new(async_nats::connect(url).await?);
    let mut stream = context.get_stream(stream).await?;
    let total = stream.info().await?.state.messages;
    let config = consumer::pull::Config {
        ack_policy: consumer::AckPolicy::None,
        memory_storage: true,
        ..consumer::pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let mut records = consumer.stream().max_messages_per_batch(2000).messages().await?;
    let mut count = 0;
    while count < total {
        records.next().await.context("the stream goes on")??;
        count += 1;
    }
    println!("{count}");
    Ok(())
}
