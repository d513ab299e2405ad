//! Publishes a video to S3 or a compatible store. Keys and region come from the usual AWS variables; a store of
//! one's own is named by AWS_ENDPOINT_URL (and AWS_ALLOW_HTTP=true where it speaks plain HTTP).
//!
//! ```text
//! AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_REGION=eu-central-1 \
//!     cargo run --release --example publish_to_s3 -- film.mp4 s3://videos/film
//! ```

use std::error::Error;
use std::sync::Arc;

use aqueduct::{Control, FileSource, Presentation, Settings, Source};
use aqueduct_service::{CancellationToken, Destination, Event, Publish, StoreOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, url] = arguments.as_slice() else {
        return Err("usage: publish_to_s3 INPUT s3://BUCKET/PREFIX".into());
    };

    // Refused at once when no credentials are set, before anything is encoded.
    let destination = Destination::parse(url, &StoreOptions::from_env())?;
    let source: Arc<dyn Source> = Arc::new(FileSource::open(input)?);
    let index = Arc::new(aqueduct::probe(&source)?);
    let (presentation, _) = Presentation::encoding(source, index, Settings::default(), &Control::new())?;

    // Stopped by Ctrl-C, it leaves nothing half-written; run again, it goes on where it stopped.
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });
    let observer = Arc::new(|event| {
        if let Event::Stored { key, bytes } = event {
            println!("{key}: {bytes} bytes");
        }
    });
    let report = Publish::new(presentation, destination).run(observer, cancel).await?;
    println!("{}", report.url);
    Ok(())
}
