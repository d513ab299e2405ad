//! Publishes a video as an HLS ladder into a folder.
//!
//! ```text
//! cargo run --release --example publish_to_folder -- film.mp4 out
//! ```

use std::error::Error;
use std::sync::Arc;

use aqueduct::{Control, FileSource, Presentation, Settings, Source};
use aqueduct_service::{CancellationToken, Destination, Event, Publish, StoreOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, folder] = arguments.as_slice() else {
        return Err("usage: publish_to_folder INPUT FOLDER".into());
    };

    let source: Arc<dyn Source> = Arc::new(FileSource::open(input)?);
    let index = Arc::new(aqueduct::probe(&source)?);
    let (presentation, _) = Presentation::encoding(source, index, Settings::default(), &Control::new())?;

    let report = Publish::new(presentation, Destination::parse(folder, &StoreOptions::default())?)
        .run(
            Arc::new(|event| {
                if let Event::Progress { frames, total_frames, .. } = event {
                    eprintln!("{frames} of {total_frames} frames");
                }
            }),
            CancellationToken::new(),
        )
        .await?;
    println!("{}: {} segments made, {} were there already", report.url, report.made, report.reused);
    Ok(())
}
