//! What stands below the help of each command.

pub(super) const SEE_CODES: &str = "Exit codes: `aqueduct exit-codes` lists them.";

pub(super) const ROOT: &str = "\
Examples:
  aqueduct publish film.mp4 out/                 a ladder for everyone, in a folder
  aqueduct publish film.mp4 s3://bucket/film     the same in a bucket
  aqueduct package film.mp4 out/                 the film as it is, in segments, at the speed of the disk
  aqueduct probe film.mp4                        what the file is, and what is odd about it
  aqueduct plan film.mp4 --ladder 720p,360p      what would be made, without making it
  aqueduct check out/                            where a presentation breaks the rules of HLS

Exit codes: `aqueduct exit-codes` lists them.";

pub(super) const PUBLISH: &str = "\
Examples:
  aqueduct publish film.mp4 out/
  aqueduct publish film.mkv out/ --ladder 720p,360p --preset medium
  aqueduct publish film.mp4 out/ --ladder 1080p:5M:crf21,540p:1500k --segment 4s
  aqueduct publish film.mp4 out/ --container fmp4
  aqueduct publish film.mp4 out/ --video-codec h264,hevc,av1
  aqueduct publish film.mp4 out/ --audio-layout separate
  aqueduct publish film.mp4 out/ --max-memory 500M --profile
  aqueduct publish film.mp4 out/ --verify full
  AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… aqueduct publish film.mp4 s3://bucket/film
  aqueduct publish film.mp4 s3://bucket/film --s3-endpoint http://localhost:8333 --s3-allow-http
  aqueduct publish s3://bucket/film.mp4 out/              a film in a bucket, read where it lies
  aqueduct publish film.mkv out/ --index film.index       the film is scanned once, not at each run
  aqueduct publish --config job.toml --json

Run the same command again to go on where it was stopped. Ctrl-C stops at once and leaves no
half object; a second Ctrl-C does not wait for that.

What breaks a rule of HLS is not shown: exit code 2, no master.m3u8, and check.json says why.

A job file holds the names and the values of the flags, and `input` and `destination`:
  input = \"film.mp4\"
  destination = \"s3://bucket/film\"
  ladder = \"720p:2500k,360p\"
  segment = \"6s\"
  container = \"fmp4\"

With --json every line on stdout is one event; the last one is `finished` (the report) or
`error`.

Exit codes: `aqueduct exit-codes` lists them.";

pub(super) const PACKAGE: &str = "\
Examples:
  aqueduct package film.mp4 out/                          MPEG-TS, the sound muxed in
  aqueduct package film.mp4 out/ --container fmp4         fMP4 (CMAF), the sound beside the pictures
  aqueduct package film.mp4 out/ --single-file            one file for each rendition
  aqueduct package 1080p.mp4 720p.mp4 360p.mp4 out/       three rungs of one presentation
  aqueduct package film.mp4 out/ --audio english.m4a:en --audio deutsch.m4a:de
  aqueduct package film.mp4 s3://bucket/film --s3-region eu-central-1
  aqueduct package s3://bucket/film.mp4 out/ --audio s3://bucket/deutsch.m4a:de
  aqueduct package s3://bucket/film.mp4 out/ --index film.index
  aqueduct package film.mp4 out/ --verify full            read back and checked before it is shown
  aqueduct package --config job.toml --json

Nothing is decoded or encoded: pictures and sound stay as they are, bit by bit, and segments
begin at key frames that are there already. `publish` is for the rest: other containers than
MP4 and MOV, a ladder out of one file, pictures that lie on their side.

  codec                        ts    fmp4
  H.264, AAC, AC-3             yes   yes
  E-AC-3                       few   yes   (few players hear it in MPEG-TS)
  MP3                          yes   no
  H.265, AV1, Opus, FLAC       no    yes

Several inputs are rungs of one presentation; their key frames must be at the same times. The
sound is that of the first, or that of --audio.

Of a film in a store the tables are read, and about one range for each segment. The --s3 flags
hold for inputs and DEST alike.

Run the same command again to go on where it was stopped. Ctrl-C stops at once and leaves no
half object; a second Ctrl-C does not wait for that.

What breaks a rule of HLS is not shown: exit code 2, no master.m3u8, and check.json says why.

A job file holds the names and the values of the flags, and `inputs` and `destination`:
  inputs = [\"1080p.mp4\", \"720p.mp4\"]
  audio = [\"english.m4a:en\", \"deutsch.m4a:de\"]
  destination = \"s3://bucket/film\"
  container = \"fmp4\"
  single-file = true

With --json every line on stdout is one event; the last one is `finished` (the report) or
`error`.

Exit codes: `aqueduct exit-codes` lists them.";

pub(super) const PROBE: &str = "\
Examples:
  aqueduct probe film.mp4
  aqueduct probe s3://bucket/film.mp4 --index film.index  keeps what it found for package or publish
  aqueduct probe film.mp4 --json | jq '.tracks[] | {codec, frame_rate, containers}'

`key frames every` is the shortest, the average and the longest distance. `package` names the
containers into which a track can be copied as it is; a container that is not named cannot hold
it, and with `-` only `publish` can take the track. A star marks the tracks that are presented.

Exit codes: `aqueduct exit-codes` lists them.";

pub(super) const PLAN: &str = "\
Examples:
  aqueduct plan film.mp4
  aqueduct plan film.mp4 --ladder 720p:2500k,360p --segment 4s
  aqueduct plan film.mp4 --container fmp4
  aqueduct plan --copy film.mp4 --container fmp4
  aqueduct plan s3://bucket/film.mp4 --index film.index
  aqueduct plan --copy 1080p.mp4 720p.mp4 --audio deutsch.m4a:de
  aqueduct plan film.mp4 --json | jq .plan > plan.json

With --copy it tells what `package` would make, else what `publish` would. Bit rates and sizes
are bounds: what is made is smaller, `about` is a guess at how much.

Exit codes: `aqueduct exit-codes` lists them.";

pub(super) const CHECK: &str = "\
Examples:
  aqueduct check out/
  aqueduct check https://example.com/film/master.m3u8
  aqueduct check s3://bucket/film --s3-endpoint http://localhost:8333 --s3-allow-http
  aqueduct check out/ --profile rfc,players,apple --strict
  aqueduct check out/ --rule AP-BW=error --rule MV-CHANNELS=off
  aqueduct check https://example.com/film/master.m3u8 --sample 5
  aqueduct check https://example.com/film/master.m3u8 --no-media
  aqueduct check out/ --decode                   pictures and sound, too: do they decode?
  aqueduct check out/ --json | jq '.findings[] | {rule, message, place}'
  aqueduct check out/ --sarif > check.sarif
  aqueduct check out/ --html check.html          a page with the bit rates over time
  aqueduct check https://example.com/live/master.m3u8 --watch 60s
  aqueduct check --explain MV-BANDWIDTH

Of a folder it takes master.m3u8 or index.m3u8, or the only playlist in it. Every segment is
read, unless --sample or --no-media says otherwise; with --decode it is decoded, too. -v shows
all findings of each rule, and notes. What was not checked is listed, and does not count as
passed. Playlists and segments that a server does not give are errors (MP-FETCH). What the
check itself would not ask for or read, since an address is private (--allow-private), its time
over HTTP was over (--timeout) or a playlist is longer than 16 MiB, is listed with `limit:`.
Then the last line says that this is no clean pass, and --strict ends with 1.

With --watch live playlists are loaded again and again, and new segments are looked into. It
ends when its time is over, when they end, or on Ctrl-C.

Exit codes of its own: 0 no rule is broken, 1 with --strict there are warnings or limits kept
something from being checked, 2 a rule is broken, 3 the target cannot be reached or read.

Exit codes: `aqueduct exit-codes` lists them.";

pub(super) const EXIT_CODES: &str = "\
Examples:
  aqueduct exit-codes";
