//! Presentations to check: good ones of our own making, in memory, and edits that make them bad.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod sampled;

use std::num::NonZeroUsize;
use std::sync::Arc;

use aqueduct::check::{
    Answer, Depth, Fetch, FetchError, Http, Nothing, Options, Overlay, Profile, Report, Request, Want, check,
};
use aqueduct::mux::ts;
use aqueduct::plan::{AudioLayout, Container, CopySettings, Files, Length, MULTIVARIANT_KEY, Object};
use aqueduct::plan::{CopyInput, Role};
use aqueduct::playlist::{self, Measured};
use aqueduct::{FileSource, Plan, Presentation, Source};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

/// Where presentations lie.
pub(crate) const BASE: &str = "https://example.com/film/";

/// A presentation in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) resources: Overlay<Nothing>,
    /// Whether an HTTP server answers.
    pub(crate) http: Option<Http>,
    /// Whether only playlists and sizes are looked at: the segments are stand-ins.
    pub(crate) is_hollow: bool,
    /// Whether the check may use the keys that it fetches.
    pub(crate) is_open: bool,
}

impl Fetch for World {
    fn fetch(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        // Steering servers are asked with parameters, which change nothing here.
        let bare = request.url.split("?_HLS_").next().unwrap();
        let answer = self.resources.fetch(&Request::new(bare, request.want.clone(), request.limit))?;
        Ok(match &self.http {
            Some(http) => {
                let mut http = http.clone();
                let kind = match request.url.rsplit('.').next().unwrap() {
                    "m3u8" => "application/vnd.apple.mpegurl",
                    "ts" => "video/mp2t",
                    _ => "video/mp4",
                };
                // A status other than 200 is that of ranges.
                if !matches!(request.want, Want::Bytes(_)) {
                    http.status = 200;
                }
                http.headers.entry("content-type".to_owned()).or_insert(kind.to_owned());
                answer.with_http(http)
            }
            None => answer,
        })
    }
}

impl World {
    pub(crate) fn put(&mut self, key: &str, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.resources.put(format!("{BASE}{key}"), bytes.into());
        self
    }

    pub(crate) fn text(&self, key: &str) -> String {
        let bytes = self.resources.get(&format!("{BASE}{key}")).unwrap_or_else(|| panic!("no {key}"));
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    pub(crate) fn bytes(&self, key: &str) -> Vec<u8> {
        self.resources.get(&format!("{BASE}{key}")).unwrap_or_else(|| panic!("no {key}")).to_vec()
    }

    /// Replaces the first `from` of a text by `to`; it must be there.
    #[track_caller]
    pub(crate) fn edit(&mut self, key: &str, from: &str, to: &str) -> &mut Self {
        let text = self.text(key);
        assert!(text.contains(from), "{key} has no {from:?}:\n{text}");
        self.put(key, text.replacen(from, to, 1))
    }

    /// Replaces every `from` of a text by `to`; one must be there.
    #[track_caller]
    pub(crate) fn edit_all(&mut self, key: &str, from: &str, to: &str) -> &mut Self {
        let text = self.text(key);
        assert!(text.contains(from), "{key} has no {from:?}:\n{text}");
        self.put(key, text.replace(from, to))
    }

    pub(crate) fn remove(&mut self, key: &str) -> &mut Self {
        assert!(self.resources.remove(&format!("{BASE}{key}")), "no {key}");
        self
    }

    pub(crate) fn check(&self, profiles: &[Profile]) -> Report {
        self.check_at(MULTIVARIANT_KEY, profiles)
    }

    pub(crate) fn check_at(&self, key: &str, profiles: &[Profile]) -> Report {
        let mut options = Options::default();
        options.profiles = profiles.iter().copied().collect();
        options.depth = if self.is_hollow { Depth::Sizes } else { Depth::Segments };
        if self.is_open {
            options.keys.fetch();
        }
        options.parallel = NonZeroUsize::new(2).unwrap();
        check(self, &format!("{BASE}{key}"), &options).unwrap()
    }
}

/// The clips of testdata that are packaged and checked.
pub(crate) const CLIPS: [&str; 20] = [
    "plain-25.mp4",
    "ntsc-2997.mp4",
    "video-only.mp4",
    "late-audio.mp4",
    "audio-only.m4a",
    "film-23976.mp4",
    "smooth-5994.mp4",
    "variable-rate.mp4",
    "surround-5.1.mp4",
    "anamorphic.mp4",
    "portrait-90.mp4",
    "mono-22050.mp4",
    "edit-list.mp4",
    "fragmented.mp4",
    "open-gop.mp4",
    "flash-beep.mp4",
    "he-aac-late.mp4",
    "he-aac-v2-late.mp4",
    "he-aac-v2.m4a",
    "he-aac.mp4",
];

/// The shapes of our own presentations.
pub(crate) const SHAPES: [(Container, AudioLayout, Files); 8] = [
    (Container::Ts, AudioLayout::Muxed, Files::Segments),
    (Container::Ts, AudioLayout::Separate, Files::Segments),
    (Container::Ts, AudioLayout::Muxed, Files::Single),
    (Container::Ts, AudioLayout::Separate, Files::Single),
    (Container::Fmp4, AudioLayout::Muxed, Files::Segments),
    (Container::Fmp4, AudioLayout::Separate, Files::Segments),
    (Container::Fmp4, AudioLayout::Muxed, Files::Single),
    (Container::Fmp4, AudioLayout::Separate, Files::Single),
];

/// A clip of testdata, packaged by the library, with its playlists.
pub(crate) fn packaged(clip: &str, container: Container, layout: AudioLayout, files: Files) -> World {
    let path = format!("{}/../../testdata/{clip}", env!("CARGO_MANIFEST_DIR"));
    let source: Arc<dyn Source> = Arc::new(FileSource::open(path).unwrap());
    let index =
        Arc::new(aqueduct::index::mp4::read(&*source, &aqueduct::index::mp4::Limits::default()).unwrap());
    let mut settings = CopySettings::default();
    settings.container = container;
    settings.audio_layout = Some(layout);
    settings.segment = Some(Length::from_millis(1000));
    settings.files = files;
    let plan = Plan::copying(vec![CopyInput { index: &index, role: Role::Main }])
        .settings(settings)
        .build()
        .unwrap();
    stored(&Presentation::new(source, index, Arc::new(plan)).unwrap())
}

/// All objects of a presentation, as publishing stores them.
pub(crate) fn stored(presentation: &Presentation) -> World {
    let plan = presentation.plan();
    let mut world = World::default();
    let (mut sizes, mut key_frames, mut inits) = (Vec::new(), Vec::new(), Vec::new());
    for rendition in plan.renditions() {
        let init = presentation.init(rendition.id).unwrap();
        inits.push(init.as_ref().map_or(0, |init| init.len() as u64));
        let mut whole = init.clone().map(|init| init.to_vec()).unwrap_or_default();
        if let (Some(init), Some(key)) = (&init, plan.key(Object::Init(rendition.id))) {
            world.put(&key, init.to_vec());
        }
        let (mut of_sizes, mut of_keys) = (Vec::new(), Vec::new());
        for segment in 0..plan.segments() {
            if plan.is_gap(&rendition, segment) {
                of_sizes.push(0);
                of_keys.push(Vec::new());
                continue;
            }
            let made = presentation.made(rendition.id, segment).unwrap();
            let bytes = made.to_bytes().to_vec();
            of_sizes.push(bytes.len() as u64);
            of_keys.push(made.key_frames.clone());
            match plan.key(Object::Segment(rendition.id, segment)) {
                Some(key) => drop(world.put(&key, bytes)),
                None => whole.extend(bytes),
            }
        }
        if let Some(key) = plan.key(Object::Media(rendition.id)) {
            world.put(&key, whole);
        }
        sizes.push(of_sizes);
        key_frames.push(of_keys);
    }
    let measured = Measured::new(plan, sizes).unwrap().with_key_frames(plan, key_frames).unwrap();
    let measured = measured.with_inits(inits).unwrap();
    for rendition in plan.renditions() {
        let key = plan.playlist_key(rendition.id).unwrap();
        world.put(&key, playlist::media(plan, rendition.id, Some(&measured)).unwrap());
        if let (Some(key), Some(text)) =
            (plan.iframes_key(rendition.id), playlist::iframes(plan, rendition.id, &measured).unwrap())
        {
            world.put(&key, text);
        }
    }
    world.put(MULTIVARIANT_KEY, playlist::multivariant(plan, Some(&measured)));
    world
}

/// A window of a live playlist over a segment of `ts` that comes again and again, by itself.
pub(crate) fn live(good: &World) -> World {
    let mut world = World { is_hollow: true, ..World::default() };
    let segment = good.bytes("video/180p/00000.ts");
    let mut text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:10\n\
                    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n"
        .to_owned();
    for number in 0..6 {
        world.put(&format!("{number:05}.ts"), segment.clone());
        text.push_str(&format!("#EXTINF:1.5,\n{number:05}.ts\n"));
    }
    world.put("live.m3u8", text);
    world
}

/// The same with partial segments.
pub(crate) fn low_latency(ts: &World) -> World {
    let mut world = live(ts);
    world.edit("live.m3u8", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n#EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE");
    for number in 0..6 {
        let parts: String = (0..3)
            .map(|part| {
                let independent = if part == 0 { ",INDEPENDENT=YES" } else { "" };
                format!("#EXT-X-PART:DURATION=0.5,URI=\"p{part}.{number}.ts\"{independent}\n")
            })
            .collect();
        let extinf = format!("#EXTINF:1.5,\n{number:05}.ts");
        world.edit("live.m3u8", &extinf, &format!("{parts}{extinf}"));
    }
    let text = world.text("live.m3u8");
    world.put("live.m3u8", text + "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p0.6.ts\"\n");
    world
}

/// fMP4 with two languages of sound, subtitles and captions.
pub(crate) fn subtitled(fmp4: &World) -> World {
    let mut world = fmp4.clone();
    let text = world.text(MULTIVARIANT_KEY);
    let sound = text.lines().find(|line| line.starts_with("#EXT-X-MEDIA:TYPE=AUDIO")).unwrap().to_owned();
    let group = sound.split("GROUP-ID=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let audio = |name: &str, language: &str, default: &str| {
        format!(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{group}\",NAME=\"{name}\",DEFAULT={default},LANGUAGE=\"{language}\",\
             AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio/main/index.m3u8\"\n"
        )
    };
    let others = "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"text\",NAME=\"English\",LANGUAGE=\"en\",AUTOSELECT=YES,URI=\"text/en/index.m3u8\"\n\
                  #EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"English\",LANGUAGE=\"en\",AUTOSELECT=YES,INSTREAM-ID=\"CC1\"";
    let media = format!("{}{}{others}", audio("English", "en", "YES"), audio("Deutsch", "de", "NO"));
    world.edit(MULTIVARIANT_KEY, &sound, &media);
    world.edit(
        MULTIVARIANT_KEY,
        &format!(",AUDIO=\"{group}\""),
        &format!(",AUDIO=\"{group}\",SUBTITLES=\"text\",CLOSED-CAPTIONS=\"cc\""),
    );
    // The rates of subtitles count too.
    let text = world.text(MULTIVARIANT_KEY).replacen(":BANDWIDTH=", ":BANDWIDTH=1", 1).replacen(
        "AVERAGE-BANDWIDTH=",
        "AVERAGE-BANDWIDTH=1",
        1,
    );
    world.put(MULTIVARIANT_KEY, text);
    world.put(
        "text/en/0.vtt",
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:00:01.000 --> 00:00:02.000\nHello\n",
    );
    world.put(
        "text/en/index.m3u8",
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:5.000000,\n0.vtt\n#EXT-X-ENDLIST\n",
    );
    world
}

/// TS with sound of its own, the sound as packed audio.
pub(crate) fn packed(separate: &World) -> World {
    let mut world = separate.clone();
    let playlist = "audio/main/index.m3u8";
    let text = world.text(playlist);
    for uri in text.lines().filter(|line| line.ends_with(".ts")) {
        let reading = ts::read(&world.bytes(&format!("audio/main/{uri}"))).unwrap();
        let stream = &reading.streams[0];
        let config = stream.aac.unwrap();
        let frame =
            |unit: &ts::ReadUnit| [&config.adts_header(unit.data.len()).unwrap()[..], &unit.data].concat();
        let mut bytes = timestamp(stream.units[0].pts.unwrap());
        bytes.extend(stream.units.iter().flat_map(frame));
        world.put(&format!("audio/main/{}", uri.replace(".ts", ".aac")), bytes);
    }
    world.put(playlist, text.replace(".ts\n", ".aac\n"));
    world
}

/// The key of what is encrypted.
pub(crate) const KEY: [u8; 16] = *b"sixteen bytes, K";

/// The IV of what is encrypted.
pub(crate) fn iv() -> [u8; 16] {
    0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128.to_be_bytes()
}

/// AES-128 in CBC with PKCS #7 padding.
pub(crate) fn encrypted(bytes: &[u8], key: &[u8; 16], iv: &[u8; 16]) -> Vec<u8> {
    let mut buffer = bytes.to_vec();
    buffer.resize(bytes.len() + 16, 0);
    let cipher = cbc::Encryptor::<aes::Aes128>::new(&(*key).into(), &(*iv).into());
    cipher.encrypt_padded::<Pkcs7>(&mut buffer, bytes.len()).unwrap().to_vec()
}

pub(crate) fn decrypted(bytes: &[u8], key: &[u8; 16], iv: &[u8; 16]) -> Vec<u8> {
    let mut buffer = bytes.to_vec();
    let cipher = cbc::Decryptor::<aes::Aes128>::new(&(*key).into(), &(*iv).into());
    cipher.decrypt_padded::<Pkcs7>(&mut buffer).unwrap().to_vec()
}

/// The segments of the pictures under AES-128, with the key beside them.
pub(crate) fn locked(good: &World) -> World {
    let mut world = World { is_open: true, ..good.clone() };
    world.put("key.bin", KEY);
    let tag = "#EXT-X-KEY:METHOD=AES-128,URI=\"/film/key.bin\",IV=0x000102030405060708090A0B0C0D0E0F";
    let text = world.text("video/180p/index.m3u8");
    for name in text.lines().filter(|line| line.ends_with(".ts") || line.ends_with(".m4s")) {
        let key = format!("video/180p/{name}");
        let bytes = encrypted(&world.bytes(&key), &KEY, &iv());
        world.put(&key, bytes);
    }
    for playlist in ["video/180p/index.m3u8", "video/180p/iframes.m3u8"] {
        world.edit(playlist, "#EXTINF", &format!("{tag}\n#EXTINF"));
    }
    // The tables are encrypted with the rest of the resource, from whose start players take them.
    let text = world.text("video/180p/iframes.m3u8");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("#EXT-X-MAP")).collect();
    world.put("video/180p/iframes.m3u8", kept.join("\n") + "\n");
    world
}

/// An ID3 tag with the timestamp of packed audio.
pub(crate) fn timestamp(ticks: u64) -> Vec<u8> {
    let data = [b"com.apple.streaming.transportStreamTimestamp\0", &ticks.to_be_bytes()[..]].concat();
    let frame = [b"PRIV", &[0, 0, 0, data.len() as u8, 0, 0][..], &data].concat();
    [b"ID3", &[4, 0, 0, 0, 0, 0, frame.len() as u8][..], &frame].concat()
}

/// A presentation with subtitles of two segments, and a cue that is shown in both.
pub(crate) fn captioned(subtitled: &World) -> World {
    let mut world = subtitled.clone();
    let head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n";
    let (first, both) =
        ("1\n00:00:01.000 --> 00:00:02.000\nHello\n\n", "2\n00:00:02.000 --> 00:00:03.500 line:0\nboth\n\n");
    world.put("text/en/0.vtt", format!("{head}{first}{both}"));
    world.put("text/en/1.vtt", format!("{head}{both}00:04.000 --> 00:04.500\nlast\n"));
    let playlist = "text/en/index.m3u8";
    world.edit(
        playlist,
        "#EXTINF:5.000000,\n0.vtt\n",
        "#EXTINF:2.500000,\n0.vtt\n#EXTINF:2.500000,\n1.vtt\n",
    );
    world
}

/// `ts` behind a web server that does everything right.
pub(crate) fn served(ts: &World) -> World {
    let headers = [
        ("access-control-allow-origin", "*"),
        ("content-encoding", "gzip"),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("last-modified", "Sun, 06 Nov 1994 08:49:36 GMT"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    World { http: Some(Http::new(206, 0, headers)), ..ts.clone() }
}

/// A small generator, the same on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// Damages some of the first `near` bytes, and leaves at least one.
    pub(crate) fn damage(&mut self, bytes: &mut Vec<u8>, near: usize) {
        for _ in 0..1 + self.below(6) {
            let at = self.below(near.min(bytes.len()));
            match self.below(4) {
                0 if self.below(4) == 0 => bytes.truncate(at),
                1 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                2 => drop(bytes.drain(at..(at + self.below(40)).min(bytes.len()))),
                _ => bytes[at] = self.below(256) as u8,
            }
            if bytes.is_empty() {
                bytes.push(0x47);
            }
        }
    }
}
