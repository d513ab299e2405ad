#!/usr/bin/env bash
# usage: scripts/make-testdata.sh [FOLDER]
#
# Makes the clips of testdata/ (or FOLDER) with FFmpeg's synthetic sources. They are committed, so the tests do not
# depend on the FFmpeg of the day; run this only to change them, and keep all together about 1 MB.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-testdata}
mkdir -p "$out"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# No encoder version, no date: the same FFmpeg makes the same files.
exact=(-flags +bitexact -fflags +bitexact)
run() { ffmpeg -nostdin -v error -y "$@"; }
picture() { echo "testsrc2=size=$1:rate=$2"; }
tone() { echo "sine=frequency=440:beep_factor=4:sample_rate=$1"; }
x264=(-c:v libx264 -preset slow -crf 39 -pix_fmt yuv420p -threads 1)
aac() { echo -c:a aac -b:a "${1:-40k}" -ac "${2:-2}"; }

clip() { # clip NAME SIZE RATE SECONDS SAMPLE-RATE [ENCODING...]: H.264 with B-frames and AAC
  local name=$1 size=$2 rate=$3 seconds=$4 samples=$5; shift 5
  run -f lavfi -i "$(picture "$size" "$rate")" -f lavfi -i "$(tone "$samples")" -t "$seconds" \
    "${x264[@]}" $(aac) "$@" "${exact[@]}" "$out/$name"
}

# Frame rates, from the plainest clip on.
clip plain-25.mp4    320x180 25         5 48000 -g 50
clip film-23976.mp4  320x180 24000/1001 4 44100 -g 48
clip ntsc-2997.mp4   320x180 30000/1001 3 48000 -g 60
clip smooth-5994.mp4 320x180 60000/1001 2 48000 -g 120
clip open-gop.mp4    320x180 25         3 48000 -x264-params keyint=25:min-keyint=25:scenecut=0:open-gop=1:bframes=3

# Shapes of the picture.
clip odd-444.mp4     322x182 25 2 48000 -vf "format=yuv444p,crop=321:181:0:0:exact=1" -pix_fmt yuv444p
clip anamorphic.mp4  352x288 25 2 48000 -vf setsar=16/11
clip upright.mp4     320x180 25 2 48000
if ffmpeg -hide_banner -h full 2>/dev/null | grep -q -- -display_rotation; then
  run -display_rotation 90 -i "$out/upright.mp4" -c copy "${exact[@]}" "$out/portrait-90.mp4"
else
  # FFmpeg before 6 counts the other way round and takes the turn as metadata.
  run -i "$out/upright.mp4" -c copy -metadata:s:v:0 rotate=270 "${exact[@]}" "$out/portrait-90.mp4"
fi
rm "$out/upright.mp4"

# Time.
# Frames 0 to 24, then every third: 25 frames/s that fall to 8 1/3, as a phone does in the dark.
clip variable-rate.mp4 320x180 25 4 48000 -vf "select=lt(n\,25)+not(mod(n\,3))" -fps_mode vfr
run -f lavfi -i "$(picture 320x180 25)" -itsoffset 0.5 -f lavfi -i "$(tone 48000)" -t 3 \
  "${x264[@]}" $(aac) "${exact[@]}" "$out/late-audio.mp4"
# Cut without re-encoding between two key frames: the edit list hides what lies before.
run -ss 1.2 -i "$out/plain-25.mp4" -t 3 -c copy "${exact[@]}" "$out/edit-list.mp4"
# Every full second, for one frame, white and a beep: shows by how much sound and picture are apart.
run -f lavfi -i "color=black:size=160x90:rate=25,drawbox=color=white:t=fill:enable='lt(mod(n,25),1)'" \
  -f lavfi -i "aevalsrc='if(lt(mod(t,1),0.04),0.8*sin(2*PI*1000*t),0)':s=48000" -t 5 \
  "${x264[@]}" -crf 20 -g 50 $(aac 64k 1) "${exact[@]}" "$out/flash-beep.mp4"

# Tracks.
run -f lavfi -i "$(picture 320x180 25)" -t 3 "${x264[@]}" "${exact[@]}" "$out/video-only.mp4"
run -f lavfi -i "$(tone 44100)" -t 5 $(aac) "${exact[@]}" "$out/audio-only.m4a"
run -f lavfi -i "$(tone 44100)" -t 5 -c:a libmp3lame -b:a 40k -ac 2 "${exact[@]}" "$out/audio-only.mp3"
run -f lavfi -i "$(picture 160x160 1)" -frames:v 1 "${exact[@]}" "$scratch/cover.jpg"
run -f lavfi -i "$(tone 44100)" -i "$scratch/cover.jpg" -map 0:a -map 1:v -t 2 $(aac) -c:v copy \
  -disposition:v attached_pic "${exact[@]}" "$out/cover-picture.m4a"
clip mono-22050.mp4 320x180 25 2 22050 -ac 1 -b:a 24k
# Another tone in each of the six channels.
six=$(for f in 262 330 392 80 523 659; do echo -n "0.2*sin($f*2*PI*t)|"; done)
run -f lavfi -i "$(picture 320x180 25)" -f lavfi -i "aevalsrc='${six%|}':channel_layout=5.1:s=48000" -t 2 \
  "${x264[@]}" $(aac 128k 6) "${exact[@]}" "$out/surround-5.1.mp4"

# Containers.
clip transport.ts 320x180 25 3 48000 -g 25
clip matroska.mkv 320x180 25 2 48000 -c:a ac3 -b:a 64k
clip fragmented.mp4 320x180 25 2 48000 -g 25 -movflags frag_keyframe+empty_moov+default_base_moof
run -f lavfi -i "$(picture 322x182 25),format=yuv444p,crop=321:181:0:0:exact=1" -f lavfi -i "$(tone 48000)" -t 2 \
  -c:v libvpx-vp9 -crf 45 -b:v 0 -pix_fmt yuv420p -threads 1 \
  -c:a libopus -b:a 32k -ac 2 "${exact[@]}" "$out/odd-vp9.webm"

# HE-AAC, which Debian's FFmpeg cannot encode: scripts/he-aac does, with the fdk-aac that cargo fetches from crates.io and
# builds in a folder that goes away. What is committed is our own signal, encoded, and nothing of the encoder.
he_aac() { # he_aac RATE CHANNELS BITRATE v1|v2 SIGNALLING SECONDS FILE: tones and noise, others on each side
  local beep="0.2*lt(mod(t,1),0.1)*sin(2*PI*3520*t)" sides
  sides="0.2*sin(2*PI*440*t)+0.1*(random(0)-0.5)+$beep|0.2*sin(2*PI*660*t)+0.05*(random(1)-0.5)+$beep"
  [ "$2" = 2 ] || sides=${sides%|*}
  run -f lavfi -i "aevalsrc='$sides':s=$1:d=$6" -f s16le - | "$scratch/he-aac/target/release/he-aac" "${@:1:5}" "$7"
}
small() { # small SECONDS SOUND NAME [INPUT OPTIONS OF THE SOUND...]: small pictures with that sound
  run -f lavfi -i "$(picture 128x72 25)" "${@:4}" -i "$2" -map 0:v -map 1:a -t "$1" \
    "${x264[@]}" -crf 45 -g 25 -c:a copy "${exact[@]}" "$out/$3"
}
mkdir "$scratch/he-aac"
cp -r scripts/he-aac/. "$scratch/he-aac"
if (cd "$scratch/he-aac" && cargo build --quiet --release --target-dir target) </dev/null; then
  he_aac 48000 2 32000 v1 hierarchical 3 "$scratch/v1.mp4"
  small 3 "$scratch/v1.mp4" he-aac.mp4
  he_aac 44100 2 24000 v2 hierarchical 3 "$scratch/v2.mp4"
  run -i "$scratch/v2.mp4" -c copy "${exact[@]}" "$out/he-aac-v2.m4a"
  # They begin after the pictures and end before them: silence is to stand there.
  he_aac 44100 1 24000 v1 implicit 2 "$scratch/late.mp4"
  small 3 "$scratch/late.mp4" he-aac-late.mp4 -itsoffset 0.5
  he_aac 48000 2 24000 v2 compatible 2 "$scratch/v2-late.mp4"
  small 3 "$scratch/v2-late.mp4" he-aac-v2-late.mp4 -itsoffset 0.5
else
  echo "no HE-AAC: scripts/he-aac cannot be built here (it needs cargo, a C++ compiler and crates.io); the clips" \
    "$out/he-aac*.{mp4,m4a} stay as they are" >&2
fi

total=$(cat "$out"/*.{mp4,m4a,mp3,ts,mkv,webm} | wc -c)
echo "$(ls "$out"/*.{mp4,m4a,mp3,ts,mkv,webm} | wc -l) clips, $total bytes"
# The four clips of HE-AAC, 70 kB, are the only real ones that any test has.
[ "$total" -le 1060000 ] || { echo "more than 1.06 MB" >&2; exit 1; }
