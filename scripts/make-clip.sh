#!/usr/bin/env bash
# usage: scripts/make-clip.sh OUT.mp4 [SECONDS]
#
# Makes a 1080p clip with moving pictures and sound, for `make demo` where no film is at hand.
set -euo pipefail
out=${1:?usage: scripts/make-clip.sh OUT.mp4 [SECONDS]}
seconds=${2:-10}
ffmpeg -nostdin -v error -y \
  -f lavfi -i "testsrc2=size=1920x1080:rate=30,format=yuv420p" \
  -f lavfi -i "sine=frequency=440:beep_factor=4:sample_rate=48000" \
  -t "$seconds" -c:v libx264 -preset veryfast -crf 20 -c:a aac -b:a 128k -ac 2 -movflags +faststart "$out"
