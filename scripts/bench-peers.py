#!/usr/bin/env python3
"""Compares whole processes: `aqueduct publish` and ffmpeg, doing the same ladder.

ffmpeg gets what the plan says (sizes, caps, buffers, CRF, preset, GOP, level, references) in one process: one decode, a
split filter, one libx264 for each rung, AAC, HLS with MPEG-TS. Runs alternate; the table shows medians and ratios.

usage: bench-peers.py [--aqueduct BIN] [--input FILE] [--repeat N] [--runs N] [--preset NAME] [--readme]

FFMPEG=/path/to/another/ffmpeg adds one to the comparison.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIP = ROOT.parent / "shared" / "media" / "tears-1080p30-8s.mp4"


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-peers-", dir=args.scratch) as scratch:
        scratch = pathlib.Path(scratch)
        source = source_of(args, scratch)
        plan = json.loads(check([args.aqueduct, "plan", str(source), "--json", "--preset", args.preset]))
        contestants = {"aqueduct": lambda out: [args.aqueduct, "publish", str(source), str(out), "--quiet", "--preset", args.preset]}
        for binary in ffmpegs():
            contestants[version(binary)] = lambda out, binary=binary: ffmpeg(binary, source, plan, out)
        results = {name: [] for name in contestants}
        for number in range(args.runs):
            for name, command in rotated(list(contestants.items()), number):
                out = scratch / "out"
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                results[name].append(measure(command(out), out))
                wall = results[name][-1]["wall"]
                print(f"run {number + 1}/{args.runs}  {name:24}  {wall:6.2f} s", file=sys.stderr)
        text = table(results, plan, args)
    print(text)
    if args.readme:
        into_readme(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--aqueduct", default=str(ROOT / "target/release/aqueduct"))
    parser.add_argument("--input", type=pathlib.Path, help="a film; by default the shared 1080p clip, else a synthetic one")
    parser.add_argument("--repeat", type=int, default=4, help="how often the input is played in a row (default 4)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each contestant (default 3)")
    parser.add_argument("--preset", default="veryfast")
    parser.add_argument("--scratch", default=None, help="folder for the outputs (default: the system's)")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    return parser.parse_args()


def source_of(args, scratch):
    source = args.input or (CLIP if CLIP.exists() else None)
    if source is None:
        source = scratch / "clip.mp4"
        check([str(ROOT / "scripts/make-clip.sh"), str(source)])
    args.name = source.name
    if args.repeat > 1:
        repeated = scratch / "source.mp4"
        check(["ffmpeg", "-nostdin", "-v", "error", "-stream_loop", str(args.repeat - 1), "-i", str(source), "-c", "copy", str(repeated)])
        source = repeated
    return source


def ffmpegs():
    found = [shutil.which("ffmpeg"), str(ROOT / ".cache/tools/bin/ffmpeg9"), os.environ.get("FFMPEG")]
    return [binary for binary in found if binary and pathlib.Path(binary).exists()]


def version(binary):
    first = check([binary, "-version"]).splitlines()[0]
    return "ffmpeg " + re.sub(r"^ffmpeg version (n?[0-9.]*[0-9]|\S+).*", r"\1", first)


def ffmpeg(binary, source, plan, out):
    decisions = plan["plan"]
    rungs = decisions["video"]["rungs"]
    audio = decisions["audio"]
    cuts, gop = decisions["cuts"], decisions["video"]["gop"]
    if len(cuts) > 2 and cuts[1] % gop != 0:
        sys.exit("the segment length is no multiple of the GOP: ffmpeg would cut elsewhere")
    num, den = decisions["timebase"]
    split = f"[0:v]split={len(rungs)}" + "".join(f"[s{i}]" for i in range(len(rungs)))
    scale = [f"[s{i}]scale={r['encoding']['width']}:{r['encoding']['height']}:flags=bicubic[v{i}]" for i, r in enumerate(rungs)]
    command = [binary, "-nostdin", "-v", "error", "-y", "-i", str(source), "-filter_complex", ";".join([split] + scale)]
    for i, rung in enumerate(rungs):
        command += ["-map", f"[v{i}]"] + (["-map", "0:a:0"] if audio else [])
    command += ["-c:v", "libx264", "-profile:v", "high", "-pix_fmt", "yuv420p", "-sc_threshold", "0"]
    command += ["-g", str(gop), "-keyint_min", str(gop), "-flags", "+cgop"]
    for i, rung in enumerate(rungs):
        e = rung["encoding"]
        command += [f"-preset:v:{i}", e["preset"], f"-crf:v:{i}", str(e["crf"] / 100), f"-maxrate:v:{i}", str(e["max_rate"])]
        command += [f"-bufsize:v:{i}", str(e["buffer"]), f"-level:v:{i}", str(e["level"] / 10), f"-refs:v:{i}", str(e["reference_frames"])]
    if audio:
        e = audio["encoding"]
        command += ["-c:a", "aac", "-b:a", str(e["bit_rate"]), "-ac", str(e["channels"]), "-ar", str(e["sample_rate"])]
    streams = " ".join(f"v:{i},a:{i},name:{r['name']}" if audio else f"v:{i},name:{r['name']}" for i, r in enumerate(rungs))
    seconds = (cuts[1] - cuts[0]) * num / den
    command += ["-f", "hls", "-hls_time", f"{seconds:.6f}", "-hls_playlist_type", "vod", "-hls_flags", "independent_segments"]
    command += ["-master_pl_name", "master.m3u8", "-var_stream_map", streams]
    command += ["-hls_segment_filename", f"{out}/%v/%05d.ts", f"{out}/%v/index.m3u8"]
    return command


def measure(command, out):
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"failed with {process.returncode}: {' '.join(command)}")
    segments = list(out.rglob("*.ts"))
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        # Linux counts in KiB, macOS in bytes.
        "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "size": sum(path.stat().st_size for path in segments),
        "segments": len(segments),
    }


def table(results, plan, args):
    median = {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in results.items()}
    ours = median["aqueduct"]
    rungs = ", ".join(rendition["name"] for rendition in plan["renditions"])
    lines = [
        f"{args.name} {args.repeat} times in a row ({plan['duration']:.0f} s), {rungs}, preset {args.preset}; medians of {args.runs}"
        f" alternating runs on {os.cpu_count()} cores ({platform.machine()}). The ratio is aqueduct's share of the other's.",
        "",
        "| | wall | ratio | CPU | ratio | peak memory | ratio | output | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, m in median.items():
        def ratio(key):
            return "" if name == "aqueduct" else f"{ours[key] / m[key]:.2f}"
        cells = [name, f"{m['wall']:.1f} s", ratio("wall"), f"{m['cpu']:.1f} s", ratio("cpu")]
        cells += [f"{m['memory'] / 1e6:.0f} MB", ratio("memory"), f"{m['size'] / 1e6:.1f} MB", ratio("size")]
        lines.append("| " + " | ".join(cells) + " |")
    if len({m["segments"] for m in median.values()}) > 1:
        lines += ["", "Not the same work: " + ", ".join(f"{name} {m['segments']:.0f} segments" for name, m in median.items()) + "."]
    return "\n".join(lines)


def into_readme(text):
    readme = ROOT / "README.md"
    begin, end = "<!-- bench-peers: begin -->\n", "<!-- bench-peers: end -->"
    before, rest = readme.read_text().split(begin)
    _, after = rest.split(end)
    readme.write_text(before + begin + text + "\n" + end + after)


def rotated(items, by):
    """Nobody is always first."""
    by %= len(items)
    return items[by:] + items[:by]


def check(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"failed with {done.returncode}: {' '.join(command)}")
    return done.stdout


if __name__ == "__main__":
    main()
