//! Whether sound in fMP4 says how loud it is (ISO/IEC 14496-12 §12.2.7; Apple HLS Authoring 2.18).

use super::boxes::boxes;
use super::faults::Faults;
use super::protection::track_id;
use crate::check::rule::Level;
use crate::check::table::apple::AP_LOUDNESS;
use crate::media::aac::AudioSpecificConfig;
use crate::mux::fmp4::{AudioCodec, Format, InitReading};

/// Bytes of `tlou` or `alou` before their measurements, and of one measurement.
const HEAD: usize = 4 + 7;
/// xHE-AAC says it in its configuration.
const USAC: u8 = 42;

/// More tracks than any file of ours has.
const MOST_TRACKS: usize = 256;

/// Looks for `ludt` of tracks of AAC. AC-3 and E-AC-3 say it in every frame.
pub(super) fn check(body: &[u8], init: &InitReading, faults: &mut Faults) {
    let Some(moov) = boxes(body, 0).find(|found| &found.kind == b"moov") else { return };
    for trak in moov.boxes(0).filter(|found| &found.kind == b"trak").take(MOST_TRACKS) {
        let track = track_id(&trak).and_then(|id| init.track(id)).and_then(|of| of.track.as_ref());
        let Some(Format::Audio(audio)) = track.map(|track| &track.format) else { continue };
        let AudioCodec::Aac(config) = &audio.codec else { continue };
        if AudioSpecificConfig::parse(config).is_ok_and(|config| config.object_type == USAC) {
            continue;
        }
        match trak.first(b"udta").and_then(|udta| udta.first(b"ludt")) {
            None => faults.add_as(Level::Note, &AP_LOUDNESS, trak.at as u64, "a track of AAC has no ludt"),
            Some(ludt) => {
                let says = |kind| ludt.first(kind).is_some_and(|of| of.body.len() > HEAD);
                if !says(b"tlou") && !says(b"alou") {
                    faults.add(&AP_LOUDNESS, ludt.at as u64, "ludt has no measurement of loudness");
                }
            }
        }
    }
}
