//! Makes one segment of one rendition, and nothing else: what a just-in-time origin does for each request.
//!
//! ```text
//! cargo run --release --example one_segment -- film.mp4 720p 3 segment.ts
//! ```

use std::error::Error;
use std::sync::Arc;

use aqueduct::{Control, FileSource, Presentation, Settings, Source};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, rendition, index, output] = arguments.as_slice() else {
        return Err("usage: one_segment INPUT RENDITION INDEX OUTPUT".into());
    };

    let source: Arc<dyn Source> = Arc::new(FileSource::open(input)?);
    // Both can be kept: the index as `SourceIndex::to_bytes`, the plan as `Plan::to_json`.
    let index_of_source = Arc::new(aqueduct::probe(&source)?);
    let (presentation, _) =
        Presentation::encoding(source, index_of_source, Settings::default(), &Control::new())?;

    let plan = presentation.plan();
    let Some(rendition) = plan.rendition_named(rendition).map(|rendition| rendition.id) else {
        let names: Vec<_> = plan.renditions().iter().map(|rendition| rendition.name.to_owned()).collect();
        return Err(format!("there is no rendition {rendition}; there are {}", names.join(", ")).into());
    };
    let segment = presentation.segment(rendition, index.parse()?)?;
    std::fs::write(output, &segment)?;
    println!("{output}: {} bytes", segment.len());
    Ok(())
}
