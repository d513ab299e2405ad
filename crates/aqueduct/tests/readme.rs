//! The README's example, compiled and run. The lines between the marks stand in README.md, letter for letter.

#![cfg(feature = "av")]

#[rustfmt::skip]
mod example {
    #![allow(unreachable_pub, missing_docs)]
// README: begin
use std::sync::Arc;
use aqueduct::{Control, FileSource, Presentation, Result, Settings, Source, playlist};

pub fn main() -> Result<()> {
    let source: Arc<dyn Source> = Arc::new(FileSource::open("film.mp4")?);
    let index = Arc::new(aqueduct::probe(&source)?);                  // tracks, packets, key frames
    let (film, _) = Presentation::encoding(source, index, Settings::default(), &Control::new())?;
    println!("{}", playlist::multivariant(film.plan(), None));        // exists before any segment does
    for rendition in film.plan().renditions() {
        let bytes = film.segment(rendition.id, 0)?;                   // any segment, in any order
        println!("{}: {} bytes of MPEG-TS", rendition.name, bytes.len());
    }
    Ok(())
}
// README: end
}

#[test]
fn the_example_of_the_readme_runs() {
    let readme = include_str!("../../../README.md");
    let (_, text) = include_str!("readme.rs").split_once("// README: begin\n").unwrap();
    let (text, _) = text.split_once("// README: end\n").unwrap();
    assert!(
        readme.contains(&format!("```rust\n{}```\n", text.replace("pub fn", "fn"))),
        "README.md shows another example"
    );

    let folder = tempfile::tempdir().unwrap();
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/plain-25.mp4");
    std::fs::copy(clip, folder.path().join("film.mp4")).unwrap();
    // The only test of this process, so nobody else minds where it stands.
    std::env::set_current_dir(folder.path()).unwrap();
    example::main().unwrap();
}
