//! A segment of WebVTT, taken apart (RFC 8216bis §3.1.4, W3C WebVTT §4).

use super::faults::Faults;
use crate::check::model::{Container, Contents, Cue, Text};
use crate::check::table::text::{WV_CUE_SYNTAX, WV_HEADER, WV_MAP_VALUE, WV_TIMESTAMP_MAP};

const MAP: &str = "X-TIMESTAMP-MAP";
/// Values of MPEGTS have 33 bits.
const WRAP: u64 = 1 << 33;
/// More hours than any cue has; what is beyond is no time.
const MOST_HOURS: i64 = 1_000_000;

/// Whether a segment begins as WebVTT does.
pub(super) fn begins(body: &[u8]) -> bool {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).starts_with(b"WEBVTT")
}

/// Reads a segment, each line once. Of its cues at most `most` are kept.
pub(super) fn segment(body: &[u8], most: usize, faults: &mut Faults) -> Option<Contents> {
    let text = match str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let offset = error.valid_up_to();
            faults.add(&WV_CUE_SYNTAX, offset as u64, "this is no UTF-8");
            body.get(..offset).and_then(|valid| str::from_utf8(valid).ok())?
        }
    };
    let mut lines = Lines { text, at: 0 };
    let (_, first) = lines.next()?;
    let first = first.strip_prefix('\u{feff}').unwrap_or(first);
    if first.strip_prefix("WEBVTT").is_none_or(|rest| !rest.is_empty() && !rest.starts_with([' ', '\t'])) {
        faults.add(&WV_HEADER, 0, "the segment does not begin with a line of WEBVTT");
        return None;
    }
    let mut reader = Reader { map: None, cues: Vec::new(), most, count: 0, last: i64::MIN, faults };
    let mut block: Vec<(usize, &str)> = Vec::new();
    let mut is_header = true;
    loop {
        let line = lines.next();
        match line {
            Some((offset, line)) if !line.is_empty() => {
                // Of a block that goes on for ever nothing more is learnt.
                if block.len() < 10_000 {
                    block.push((offset, line));
                }
            }
            _ => {
                if is_header {
                    reader.header(&block);
                } else if !block.is_empty() {
                    reader.block(&block);
                }
                is_header = false;
                block.clear();
                if line.is_none() {
                    break;
                }
            }
        }
    }
    let Reader { map, cues, count, .. } = reader;
    if map.is_none() && count > 0 {
        let message = "there is no X-TIMESTAMP-MAP, so a cue at 0 is shown at timestamp 0";
        faults.add(&WV_TIMESTAMP_MAP, 0, message);
    }
    let is_cut = count > cues.len();
    let map = map.flatten();
    Some(Contents { text: Some(Text { map, cues, is_cut }), ..Contents::new(Container::WebVtt, Vec::new()) })
}

/// Lines and where they begin, ended by LF, CR or both.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let line = rest.get(..end)?;
        let ending = rest.get(end..)?;
        self.at += end + if ending.starts_with("\r\n") { 2 } else { usize::from(!ending.is_empty()) };
        Some((start, line))
    }
}

struct Reader<'a> {
    /// The inner is `None` where the map is wrong, which was told.
    map: Option<Option<(u64, i64)>>,
    cues: Vec<Cue>,
    most: usize,
    count: usize,
    /// When the cue before starts.
    last: i64,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn header(&mut self, lines: &[(usize, &str)]) {
        for (at, (offset, line)) in lines.iter().enumerate() {
            if line.contains("-->") {
                let message = "no empty line stands between the header and the first cue";
                self.faults.add(&WV_CUE_SYNTAX, *offset as u64, message);
                self.block(lines.get(at..).unwrap_or_default());
                return;
            }
            if line.starts_with(MAP) {
                self.map = Some(self.timestamp_map(*offset, line));
            }
        }
    }

    /// `X-TIMESTAMP-MAP=MPEGTS:<ticks>,LOCAL:<time>`, in either order.
    fn timestamp_map(&mut self, offset: usize, line: &str) -> Option<(u64, i64)> {
        let (mut ticks, mut local) = (None, None);
        let value = line.strip_prefix(MAP).and_then(|rest| rest.strip_prefix('=')).unwrap_or_default();
        for part in value.split(',').map(str::trim) {
            match part.split_once(':') {
                Some(("MPEGTS", value)) => ticks = value.parse::<u64>().ok(),
                Some(("LOCAL", value)) => local = time(value),
                _ => {}
            }
        }
        let (Some(ticks), Some(local)) = (ticks, local) else {
            let message = "X-TIMESTAMP-MAP is not MPEGTS:<ticks>,LOCAL:<time>";
            self.faults.add(&WV_TIMESTAMP_MAP, offset as u64, message);
            return None;
        };
        if ticks >= WRAP {
            let message = format!("MPEGTS is {ticks}, and timestamps end at 2^33");
            self.faults.add(&WV_MAP_VALUE, offset as u64, message);
        }
        Some((ticks % WRAP, local))
    }

    fn block(&mut self, lines: &[(usize, &str)]) {
        let Some((offset, first)) = lines.first() else { return };
        let is = |name: &str| {
            first.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
        };
        if is("NOTE") {
            return;
        }
        let mut fault =
            |offset: usize, message: String| self.faults.add(&WV_CUE_SYNTAX, offset as u64, message);
        if first.starts_with(MAP) {
            self.faults.add(
                &WV_TIMESTAMP_MAP,
                *offset as u64,
                "X-TIMESTAMP-MAP stands outside of the header",
            );
            self.map.get_or_insert(None);
            return;
        }
        let Some(timing) = lines.iter().take(2).position(|(_, line)| line.contains("-->")) else {
            if !is("STYLE") && !is("REGION") {
                fault(*offset, "a block has no line of times, and is no NOTE, STYLE or REGION".to_owned());
            }
            return;
        };
        let Some((at, line)) = lines.get(timing) else { return };
        let words = lines.get(timing + 1..).unwrap_or_default();
        if let Some((offset, _)) = words.iter().find(|(_, line)| line.contains("-->")) {
            fault(
                *offset,
                "`-->` stands in the words of a cue, or no empty line before the next one".to_owned(),
            );
        }
        self.count += 1;
        let Some((start, end)) = times(line) else {
            let shown = crate::check::read::short(line);
            fault(*at, format!("`{shown}` is not <time> --> <time>, each [hh:]mm:ss.ttt"));
            return;
        };
        if end <= start {
            fault(*at, "a cue ends before it starts".to_owned());
            return;
        }
        if start < self.last {
            fault(*at, "a cue starts before the one that precedes it".to_owned());
        }
        self.last = self.last.max(start);
        if self.cues.len() < self.most {
            self.cues.push(Cue { start, end, words: digest(words) });
        }
    }
}

/// Start and end of a cue in milliseconds.
fn times(line: &str) -> Option<(i64, i64)> {
    let (start, rest) = line.split_once("-->")?;
    let blank = |c: char| matches!(c, ' ' | '\t');
    if !start.ends_with(blank) || !rest.starts_with(blank) {
        return None;
    }
    let end = rest.trim_start_matches(blank).split(blank).next()?;
    Some((time(start.trim_matches(blank))?, time(end)?))
}

/// `[hh:]mm:ss.ttt` in milliseconds.
fn time(text: &str) -> Option<i64> {
    let number = |text: &str, digits: usize| {
        let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse::<i64>().ok() } else { None }
    };
    let (whole, millis) = text.split_once('.')?;
    let (rest, seconds) = whole.rsplit_once(':')?;
    let (hours, minutes) = match rest.split_once(':') {
        Some((hours, minutes)) if (2..=6).contains(&hours.len()) => (number(hours, hours.len())?, minutes),
        Some(_) => return None,
        None => (0, rest),
    };
    let (minutes, seconds, millis) = (number(minutes, 2)?, number(seconds, 2)?, number(millis, 3)?);
    let fits = hours < MOST_HOURS && minutes < 60 && seconds < 60;
    fits.then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

/// FNV-1a: tells words apart, and keeps none.
fn digest(lines: &[(usize, &str)]) -> u64 {
    let bytes = lines.iter().flat_map(|(_, line)| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Option<Text>, Vec<(&'static str, String)>) {
        let mut faults = Faults::default();
        let contents = segment(text.as_bytes(), 100, &mut faults);
        (contents.and_then(|contents| contents.text), faults.told())
    }

    #[test]
    fn cues_and_their_map_are_read() {
        let (text, faults) = read(
            "\u{feff}WEBVTT - a film\r\nX-TIMESTAMP-MAP=LOCAL:00:00:01.000,MPEGTS:900000\r\n\r\nNOTE\r\nhello\r\n\r\n\
             STYLE\r\n::cue {}\r\n\r\n1\r\n00:01.000 --> 00:02.500 align:left\r\nHi\r\nthere\r\n\r\n\
             100:00:00.000 --> 100:00:01.000\r\n",
        );
        assert!(faults.is_empty(), "{faults:?}");
        let text = text.unwrap();
        assert_eq!(text.map, Some((900_000, 1000)));
        let times: Vec<_> = text.cues.iter().map(|cue| (cue.start, cue.end)).collect();
        assert_eq!(times, [(1000, 2500), (360_000_000, 360_001_000)]);
        assert_eq!(read("WEBVTT").1, [], "a header alone says that nothing is said");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n";
        for (text, id) in [
            ("WEBVTTX\n\n", "WV-HEADER"),
            ("WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n", "WV-TIMESTAMP-MAP"),
            (
                "WEBVTT\n\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00.000\n\n00:01.000 --> 00:02.000\nHi\n",
                "WV-TIMESTAMP-MAP",
            ),
            ("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0\n\n", "WV-TIMESTAMP-MAP"),
            ("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:8589934592,LOCAL:00:00.000\n\n", "WV-MAP-VALUE"),
            (&format!("{head}00:01.000-->00:02.000\nHi\n"), "WV-CUE-SYNTAX"),
            (&format!("{head}00:01.00 --> 00:02.000\nHi\n"), "WV-CUE-SYNTAX"),
            (&format!("{head}00:61.000 --> 00:62.000\nHi\n"), "WV-CUE-SYNTAX"),
            (&format!("{head}00:02.000 --> 00:02.000\nHi\n"), "WV-CUE-SYNTAX"),
            (&format!("{head}00:02.000 --> 00:03.000\nHi\n\n00:01.000 --> 00:03.000\nHi\n"), "WV-CUE-SYNTAX"),
            (&format!("{head}00:02.000 --> 00:03.000\nHi\n00:03.000 --> 00:04.000\nHi\n"), "WV-CUE-SYNTAX"),
            (&format!("{head}just words\n"), "WV-CUE-SYNTAX"),
            (
                &format!("{}00:02.000 --> 00:03.000\nHi\n", head.trim_end_matches('\n').to_owned() + "\n"),
                "WV-CUE-SYNTAX",
            ),
        ] {
            let ids: Vec<_> = read(text).1.into_iter().map(|(id, _)| id).collect();
            assert_eq!(ids, [id], "{text:?}");
        }
        let mut faults = Faults::default();
        segment(b"WEBVTT\n\n\xff", 1, &mut faults);
        assert_eq!(faults.told().first().map(|(id, _)| *id), Some("WV-CUE-SYNTAX"));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(WEBVTT)?[\r\n -:.>0-9A-Za-zäX]{0,200}", most in 0usize..5) {
            let mut faults = Faults::default();
            let cues = segment(text.as_bytes(), most, &mut faults).and_then(|of| of.text).map_or(0, |text| text.cues.len());
            prop_assert!(cues <= most);
        }
    }
}
