//! Packages an MP4 as HLS into a folder without encoding it: no FFmpeg is needed, and a film takes seconds.
//!
//! ```text
//! cargo run --release --no-default-features --example package_to_folder -- film.mp4 out
//! ```

use std::error::Error;
use std::sync::Arc;

use aqueduct::plan::{CopyInput, Role};
use aqueduct::{FileSource, Plan, Presentation, Source};
use aqueduct_service::{CancellationToken, Destination, Publish, StoreOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, folder] = arguments.as_slice() else {
        return Err("usage: package_to_folder INPUT FOLDER".into());
    };

    let source: Arc<dyn Source> = Arc::new(FileSource::open(input)?);
    let index = Arc::new(aqueduct::probe(&source)?);
    // Pictures and sound in MPEG-TS; `.settings` asks for fMP4, other lengths, or one file for each rendition.
    let plan = Plan::copying(vec![CopyInput { index: &index, role: Role::Main }]).build()?;
    let presentation = Presentation::new(source, index, Arc::new(plan))?;

    let report = Publish::new(presentation, Destination::parse(folder, &StoreOptions::default())?)
        .run(Arc::new(|_| {}), CancellationToken::new())
        .await?;
    println!("{}: {} bytes in {:.3} s", report.url, report.bytes, report.seconds);
    Ok(())
}
