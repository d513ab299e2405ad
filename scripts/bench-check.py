#!/usr/bin/env python3
"""Holds `aqueduct check` against `cat`: a film of two hours in five rungs, packaged by `aqueduct package`, every segment read.

The film is a clip, encoded once into five rungs (a key frame every two seconds) and played in a row without encoding again until
it is long enough. It is packaged as MPEG-TS with the sound muxed in (five files for each six seconds) and as fMP4 with the sound
beside. `cat` reads every file of the presentation into /dev/null, `aqueduct check` checks them under its default profiles without
--decode. The page cache is warm for both: all files are read before each run. Runs alternate; the table shows medians.

With the default rates it takes about 5 GB of disk for the rungs and 5 GB for one presentation, in a folder that is deleted, and
5 GB of memory that the page cache can have.

usage: bench-check.py [--aqueduct BIN] [--input FILE] [--minutes N] [--runs N] [--containers LIST] [--rates LIST]
       [--scratch FOLDER] [--readme]
"""

import argparse
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = [(1920, 1080), (1280, 720), (960, 540), (640, 360), (480, 270)]
CHECK, CAT = "aqueduct check", "cat"
# The sound is cut to whole access units, so that it repeats without a hole: 375 of 1024 samples are eight seconds.
SECONDS, UNITS = 8, 375


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-check-", dir=args.scratch) as scratch:
        scratch = pathlib.Path(scratch)
        clip = peers.clip_of(args, scratch)
        rungs, sound = film(args, clip, scratch)
        rows = []
        for container in args.containers.split(","):
            out = scratch / container
            packaged(args, container, rungs, sound, out)
            rows.append((container, compared(args, container, out)))
            shutil.rmtree(out)
    text = table(args, clip, rows)
    print(text)
    if args.readme:
        peers.into_readme("bench-check", text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--aqueduct", default=str(ROOT / "target/release/aqueduct"))
    parser.add_argument("--input", type=pathlib.Path, help="a clip of at least 8 s; by default the shared 1080p clip, else a synthetic one")
    parser.add_argument("--minutes", type=float, default=120, help="length of the film (default 120)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each contestant (default 5)")
    parser.add_argument("--containers", default="ts,fmp4", help="any of ts and fmp4 (default both)")
    parser.add_argument("--rates", default="2500,1300,800,400,200", help="kb/s of the five rungs (default 2500,1300,800,400,200)")
    parser.add_argument("--scratch", default=None, help="folder for the film (default: the system's)")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    return parser.parse_args()


def film(args, clip, scratch):
    """Five rungs without sound and the sound, each as long as asked for."""
    rates = [int(rate) for rate in args.rates.split(",")]
    if len(rates) != len(SIZES):
        sys.exit(f"--rates names {len(rates)} rungs, there are {len(SIZES)}")
    times = max(1, round(args.minutes * 60 / SECONDS))
    rungs = []
    for (width, height), rate in zip(SIZES, rates):
        print(f"encoding {height}p", file=sys.stderr)
        once, whole = scratch / f"{height}p-once.mp4", scratch / f"{height}p.mp4"
        # A clip that is too short begins again.
        source = ["-stream_loop", "-1", "-i", str(clip), "-map", "0:v:0", "-t", str(SECONDS), "-vf", f"fps=30,scale={width}:{height}"]
        coding = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0"]
        coding += ["-flags", "+cgop", "-b:v", f"{rate}k", "-maxrate", f"{rate}k", "-bufsize", f"{rate * 2}k"]
        ffmpeg([*source, *coding, str(once)])
        ffmpeg(["-stream_loop", str(times - 1), "-i", str(once), "-c", "copy", "-movflags", "+faststart", str(whole)])
        once.unlink()
        rungs.append(whole)
    once, sound = scratch / "once.aac", scratch / "sound.m4a"
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:beep_factor=4:sample_rate=48000", "-t", str(SECONDS)]
    ffmpeg([*tone, "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-frames:a", str(UNITS), str(once)])
    ffmpeg(["-stream_loop", str(times - 1), "-i", str(once), "-c", "copy", "-movflags", "+faststart", str(sound)])
    return rungs, sound


def ffmpeg(words):
    peers.check(["ffmpeg", "-nostdin", "-v", "error", "-y", *words])


def packaged(args, container, rungs, sound, out):
    layout = "muxed" if container == "ts" else "separate"
    command = [args.aqueduct, "package", *map(str, rungs), str(out), "--audio", str(sound), "--audio-layout", layout]
    peers.check([*command, "--container", container, "--quiet"])


def compared(args, container, out):
    files = sorted(str(path) for path in out.rglob("*") if path.is_file())
    contestants = {CAT: ["cat", *files], CHECK: [args.aqueduct, "check", str(out), "--quiet"]}
    results = {name: [] for name in contestants}
    for number in range(args.runs):
        for name, command in peers.rotated(list(contestants.items()), number):
            for file in files:
                peers.warm(file)
            results[name].append(peers.measure(command, out))
            print(f"run {number + 1}/{args.runs}  {container:4}  {name:14}  {results[name][-1]['wall']:6.2f} s", file=sys.stderr)
    return {name: peers.median(runs) for name, runs in results.items()}, found(args, out)


def found(args, out):
    """What the check says: it must be of all segments, and clean."""
    command = [args.aqueduct, "check", str(out), "--json"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout)
    if report["skipped"]:
        sys.exit(f"not all was checked: {report['skipped']}")
    return report["totals"]


def table(args, clip, rows):
    lines = [
        f"{clip.name} in a row for {args.minutes:g} min, five rungs of {args.rates} kb/s, segments of 6 s; medians of {args.runs} alternating"
        f" runs on {os.cpu_count()} cores ({platform.machine()}). The ratio is aqueduct's share of the wall time of cat.",
        "",
        "| | files | output | wall | ratio | GB/s | CPU | peak memory | errors, warnings |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for container, (medians, totals) in rows:
        for name, m in medians.items():
            ratio = f"{m['wall'] / medians[CAT]['wall']:.2f}" if name == CHECK else ""
            said = f"{totals['errors']}, {totals['warnings']}" if name == CHECK else ""
            cells = [f"{name}, {container}", f"{m['segments']:.0f}", f"{m['size'] / 1e6:.0f} MB", f"{m['wall']:.2f} s", ratio]
            cells += [f"{m['size'] / m['wall'] / 1e9:.2f}", f"{m['cpu']:.2f} s", f"{m['memory'] / 1e6:.0f} MB", said]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def of_peers():
    """How processes are measured, and tables put into README.md: as the other script does."""
    path = ROOT / "scripts/bench-peers.py"
    spec = importlib.util.spec_from_file_location("bench_peers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


peers = of_peers()

if __name__ == "__main__":
    main()
