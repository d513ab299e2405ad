//! Plans with settings of one's own and prints what would be made, without making it.
//!
//! ```text
//! cargo run --example custom_ladder -- film.mp4 720p:2500k:crf21,360p:800k
//! ```

use std::error::Error;
use std::sync::Arc;

use aqueduct::media::Preset;
use aqueduct::plan::Length;
use aqueduct::{FileSource, Ladder, Plan, RenditionId, Source, playlist};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let input = arguments.next().ok_or("usage: custom_ladder INPUT [LADDER]")?;
    let ladder: Ladder = arguments.next().as_deref().unwrap_or("auto").parse()?;

    let source: Arc<dyn Source> = Arc::new(FileSource::open(input)?);
    let index = aqueduct::probe(&source)?;
    for oddity in index.oddities() {
        println!("note: {oddity}");
    }
    let plan = Plan::builder(&index, aqueduct::engine()?)
        .ladder(ladder)
        .preset(Preset::Medium)
        .segment(Length::from_millis(4000))
        .gop(Length::from_millis(1000))
        .build()?;

    for rendition in plan.renditions() {
        let Some(picture) = rendition.picture() else { continue };
        let rate = match rendition.rung {
            Some(rung) => format!("at most {} kb/s", rung.encoding.max_rate / 1000),
            None => "the source's own".to_owned(),
        };
        println!(
            "{}: {}x{} at {:.3} frames/s, {rate}, {}",
            rendition.name,
            picture.width,
            picture.height,
            picture.frame_duration.rate(),
            rendition.codecs().join(",")
        );
    }
    // Playlists come from the plan alone: they exist before any segment does.
    print!("\n{}", playlist::multivariant(&plan, None));
    print!("\n{}", playlist::media(&plan, RenditionId(0), None)?);
    Ok(())
}
