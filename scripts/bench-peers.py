#!/usr/bin/env python3
"""Compares whole processes: `aqueduct publish` and `aqueduct package` with what others do for the same result.

Transcoding: ffmpeg gets what the plan says (sizes, caps, buffers, CRF, preset, GOP, level, references) in one process: one
decode, a split filter, one libx264 for each rung, AAC, HLS with MPEG-TS. The floor is what the codecs themselves take,
measured in the same runs: a single-threaded libx264 for each rung that is encoded, fed with pictures that lie in memory at
its size, and a single-threaded decode, one process for each core at a time, over the number of cores; aqueduct is held against
what was measured just before and just after it. A second table has the source's own video as a rung.

Packaging: ffmpeg -c copy, Shaka Packager and cp get a film that is a clip played many times in a row, as large as
--gigabytes says. The page cache is warm for all, and memory is made ready before each run, outside of what is measured.

Runs alternate; the tables show medians and ratios. What was written is emptied between runs and deleted at the end.

usage: bench-peers.py [--aqueduct BIN] [--input FILE] [--runs N] [--presets LIST] [--quality] [--lengths] [--transcoding]
       [--packaging] [--gigabytes N] [--sizes] [--readme] ...

FFMPEG=/path/to/another/ffmpeg adds one to the comparison; PACKAGER=/path/to/packager replaces Shaka Packager.
"""

import argparse
import concurrent.futures
import contextlib
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

OURS = "aqueduct"
ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIP = ROOT.parent / "shared" / "media" / "tears-1080p30-8s.mp4"


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="bench-peers-", dir=args.scratch) as scratch:
        scratch = pathlib.Path(scratch)
        clip = clip_of(args, scratch)
        tables = [] if args.packaging else [("bench-peers", transcoding(args, clip, scratch))]
        if not args.transcoding:
            tables.append(("bench-packaging", packaging(args, clip, scratch)))
    for marker, text in tables:
        print(text, end="\n\n")
        if args.readme:
            into_readme(marker, text)


def transcoding(args, clip, scratch):
    source = repeated(clip, args.repeat, scratch / "transcoded.mp4")
    parts = []
    for preset in args.presets.split(","):
        for copy in ways(args) if args.runs > 0 else []:
            parts.append(transcoded(args, clip, source, scratch, preset, copy))
        if args.quality:
            parts.append(quality(args, clip, scratch, preset))
    if args.lengths:
        parts.append(lengths(args, clip, scratch))
    return "\n\n".join(parts)


def ways(args):
    """What becomes of the source's own video; only one way where the command knows no other."""
    knows = "--copy-source" in check([args.aqueduct, "publish", "--help"])
    return ["never", "always"] if knows else [None]


def settings(preset, copy):
    return ["--preset", preset, *(["--copy-source", copy] if copy else [])]


def planned(args, source, preset, copy):
    command = [args.aqueduct, "plan", str(source), "--json", *settings(preset, copy)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0 and copy != "always":
        sys.exit(f"failed with {done.returncode}: {' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout) if done.returncode == 0 else None


def publish(args, source, out, preset, copy, more=()):
    return [args.aqueduct, "publish", str(source), str(out), "--quiet", *settings(preset, copy), *more]


def transcoded(args, clip, source, scratch, preset, copy):
    plan = planned(args, source, preset, copy)
    if plan is None:
        return f"{clip.name} cannot be a rung of its own ladder as it is."
    contestants = {
        OURS: lambda out: publish(args, source, out, preset, copy),
        "aqueduct --jobs 1": lambda out: publish(args, source, out, preset, copy, ["--jobs", "1"]),
    }
    if copy != "always":
        for binary in ffmpegs():
            contestants[version(binary)] = lambda out, binary=binary: ffmpeg(binary, source, plan, out)
    else:
        whole = planned(args, source, preset, "never")
        binary = ffmpegs()[0]
        contestants[f"{version(binary)}, all encoded"] = lambda out: ffmpeg(binary, source, whole, out)
    floors = Floors(clip, args.repeat, source, plan, scratch)
    results = alternating(contestants, args.runs, source, scratch, around={OURS: floors.measure})
    return table(results, floors, plan, clip, args, preset, copy)


class Floors:
    """What the codecs alone take, with a process on each core as contestants run: a core is slower beside a busy one wherever
    they share caches, memory or power. Measured just before and just after what is held against it, since the speed of a
    machine drifts."""

    def __init__(self, clip, repeat, source, plan, scratch):
        self.clip, self.repeat, self.source, self.scratch = clip, repeat, source, scratch
        self.decisions = plan["plan"]
        self.measured = []

    def measure(self):
        """Seconds on all cores; `None` where nothing is encoded."""
        video = self.decisions.get("video") or {"rungs": []}
        if not video["rungs"]:
            return None
        with contextlib.ExitStack() as stack:
            # Largest first, so that the cores are busy to the end.
            rungs = [self.pictures(stack, rung["encoding"], video["gop"]) for rung in video["rungs"]]
            decode = ["-threads", "1", "-i", str(self.source), "-map", "0:v:0", "-f", "null", "-"]
            self.measured.append(self.codecs(decode, rungs))
        return sum(self.measured[-1]) / os.cpu_count()

    def codecs(self, decode, rungs):
        """CPU seconds of x264 and of decoding. Reading the pictures is taken off."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            spent = list(pool.map(self.cpu, [command for _, command in rungs] + [decode]))
            reading = sum(pool.map(self.cpu, [command for command, _ in rungs]))
        return sum(spent[:-1]) - reading, spent[-1]

    def pictures(self, stack, e, gop):
        """How the pictures of a rung are read, and how they are encoded: one round of the clip lies in memory."""
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else str(self.scratch)
        duration = e["frame_duration"]
        rate = f"{duration['den']}/{duration['num']}" if isinstance(duration, dict) else f"{duration[1]}/{duration[0]}"
        raw = stack.enter_context(tempfile.NamedTemporaryFile(prefix="bench-peers-", suffix=".yuv", dir=folder))
        scale = f"fps={rate},scale={e['width']}:{e['height']}:flags=bicubic,format=yuv420p"
        check(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(self.clip), "-map", "0:v:0", "-vf", scale, "-f", "rawvideo", raw.name])
        read = ["-stream_loop", str(self.repeat - 1), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{e['width']}x{e['height']}", "-r", rate, "-i", raw.name]
        told = ["-c:v", "libx264", "-threads", "1", "-profile:v", "high", "-sc_threshold", "0", "-flags", "+cgop"]
        told += ["-g", str(gop), "-keyint_min", str(gop), "-preset", e["preset"], "-crf", str(e["crf"] / 100)]
        told += ["-maxrate", str(e["max_rate"]), "-bufsize", str(e["buffer"]), "-refs", str(e["reference_frames"])]
        return [*read, "-f", "null", "-"], [*read, *told, "-f", "null", "-"]

    def cpu(self, command):
        run = measure(["ffmpeg", "-nostdin", "-v", "error", *command], self.scratch)
        return run["cpu"]

    def wall(self):
        """Seconds on all cores; `None` where nothing is encoded."""
        return statistics.median(sum(codecs) for codecs in self.measured) / os.cpu_count() if self.measured else None

    def told(self):
        if not self.measured:
            return "Nothing is encoded: there is no floor."
        x264, decode = (statistics.median(part) for part in zip(*self.measured))
        cores = os.cpu_count()
        return f"Floor: {x264:.1f} s of x264 and {decode:.1f} s of decoding over {cores} cores, {self.wall():.1f} s."


def lengths(args, clip, scratch):
    """Peak memory of transcoding must not depend on the length of the film."""
    preset, copy = args.presets.split(",")[0], ways(args)[0]
    seconds = float(check(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(clip)]))
    lines = ["| length | peak memory | wall | CPU |", "| --- | --- | --- | --- |"]
    for wanted in (30, 600):
        source = repeated(clip, max(1, round(wanted / seconds)), scratch / "long.mp4")
        run = alternating({"": lambda out: publish(args, source, out, preset, copy)}, 1, source, scratch)[""][0]
        lines.append(f"| {wanted} s | {run['memory'] / 1e6:.0f} MB | {run['wall']:.1f} s | {run['cpu']:.1f} s |")
        if source != clip:
            source.unlink()
    return "\n".join(lines)


def quality(args, clip, scratch, preset):
    """Each rung held against the source at its size, beside what ffmpeg makes."""
    copy = ways(args)[0]
    plan = planned(args, clip, preset, copy)
    judge = next((binary for binary in reversed(ffmpegs()) if "libvmaf" in check([binary, "-hide_banner", "-filters"])), None)
    makers = {"aqueduct": lambda out: publish(args, clip, out, preset, copy)}
    binary = ffmpegs()[0]
    makers[version(binary)] = lambda out: ffmpeg(binary, clip, plan, out)
    found = {}
    for name, command in makers.items():
        out = scratch / "judged"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        check(command(out))
        for rung in plan["plan"]["video"]["rungs"]:
            folder = next(path for path in (out / "video" / rung["name"], out / rung["name"]) if path.exists())
            found[name, rung["name"]] = judged(judge, clip, rung["encoding"], sorted(folder.glob("*.ts")), scratch)
        shutil.rmtree(out)
    kinds = [kind for kind in ("PSNR", "SSIM", "VMAF") if kind in next(iter(found.values()))]
    lines = [f"Quality, preset {preset}: aqueduct's beside {version(binary)}'s.", ""]
    lines += ["| rung | size | ratio | " + " | ".join(kinds) + " |", "| --- " * (3 + len(kinds)) + "|"]
    for rung in plan["plan"]["video"]["rungs"]:
        ours, other = (found[name, rung["name"]] for name in makers)
        cells = [rung["name"], f"{ours['size'] / 1e6:.2f} / {other['size'] / 1e6:.2f} MB", f"{ours['size'] / other['size']:.3f}"]
        cells += [f"{ours[kind]:.3f} / {other[kind]:.3f}" for kind in kinds]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def judged(judge, clip, e, segments, scratch):
    """Size, PSNR and SSIM of luma at the rung's size, and VMAF where an ffmpeg has it: at the source's size, as a viewer sees
    it, so that whoever scales as the reference does has nothing from it."""
    joined = scratch / "joined.ts"
    with open(joined, "wb") as whole:
        for segment in segments:
            whole.write(segment.read_bytes())
    told = check(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0", str(clip)])
    whole = told.strip().split(",")[:2]

    def graph(width, height, filter):
        to = f"scale={width}:{height}:flags=bicubic,format=yuv420p,setpts=PTS-STARTPTS"
        return f"[1:v]{to}[r];[0:v]{to}[m];[m][r]{filter}"

    marks = {"size": joined.stat().st_size}
    for kind, graph, pattern, binary in (
        ("PSNR", graph(e["width"], e["height"], "psnr"), r"PSNR y:([0-9.]+)", "ffmpeg"),
        ("SSIM", graph(e["width"], e["height"], "ssim"), r"SSIM Y:([0-9.]+)", "ffmpeg"),
        ("VMAF", graph(*whole, f"libvmaf=n_threads={os.cpu_count()}"), r"VMAF score: ([0-9.]+)", judge),
    ):
        if binary:
            command = [binary, "-nostdin", "-hide_banner", "-i", str(joined), "-i", str(clip), "-lavfi", graph, "-f", "null", "-"]
            told = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
            match = re.search(pattern, told)
            marks[kind] = float(match.group(1)) if match else float("nan")
    joined.unlink()
    return marks


def packaging(args, clip, scratch):
    source = large(clip, args.gigabytes * 1e9, scratch / "film.mp4")
    contestants = {}
    for container in ("ts", "fmp4"):
        contestants[f"aqueduct {container}"] = lambda out, container=container: ours(args, container, source, out)
        for binary in ffmpegs():
            contestants[f"{version(binary)} {container}"] = lambda out, binary=binary, container=container: ffmpeg_copy(binary, container, source, out)
        if packager():
            contestants[f"Shaka Packager {shaka_version()} {container}"] = lambda out, container=container: shaka(container, source, out)
    contestants["cp"] = lambda out: copy(source, out)
    # For what is written, and what it is written with.
    results = alternating(contestants, args.runs, source, scratch, hold=source.stat().st_size * 3 // 2)
    parts = [packaging_table(results, source, clip, args)]
    if args.sizes:
        source.unlink()
        parts.append(sizes(args, clip, scratch))
    return "\n\n".join(parts)


def sizes(args, clip, scratch):
    """Peak memory of packaging must not depend on the length of the film."""
    lines = ["| input | peak memory, ts | fmp4 |", "| --- | --- | --- |"]
    for size in (1e8, 1e9, 4e9):
        source = large(clip, size, scratch / "sized.mp4")
        contestants = {c: lambda out, c=c: ours(args, c, source, out) for c in ("ts", "fmp4")}
        medians = {name: median(runs) for name, runs in alternating(contestants, args.runs, source, scratch).items()}
        cells = [f"{medians[c]['memory'] / 1e6:.0f} MB" for c in ("ts", "fmp4")]
        lines.append(f"| {source.stat().st_size / 1e6:.0f} MB | " + " | ".join(cells) + " |")
        source.unlink()
    return "\n".join(lines)


def alternating(contestants, runs, source, scratch, hold=0, around=None):
    """Each in turn, another first each time; on an empty folder, with a warm cache and nothing left to write back.

    With `hold` so many bytes of memory are at hand. What `around` has for a contestant is measured just before and
    just after it; the mean is its `beside`.
    """
    results = {name: [] for name in contestants}
    memory = Memory(scratch / "held", hold)
    out = scratch / "out"
    for number in range(runs):
        for name, command in rotated(list(contestants.items()), number):
            os.sync()
            put_aside(out, scratch / "emptied")
            out.mkdir()
            os.sync()
            if hold:
                memory.hold()
            warm(source)
            beside = (around or {}).get(name, lambda: None)
            before = beside()
            if hold:
                memory.hand_on()
            run = measure(command(out), out)
            run["beside"] = before and (before + beside()) / 2
            results[name].append(run)
            print(f"run {number + 1}/{runs}  {name:28}  {run['wall']:6.2f} s", file=sys.stderr)
    put_aside(out, scratch / "emptied")
    return results


def put_aside(out, emptied):
    """Makes room without deleting a file: ext4 uses no inode that was freed within the last minutes and looks at each of them
    for every file that it creates, which can take longer than writing the file. Nobody who packages a film has just deleted
    thousands of files."""
    if not out.exists():
        return
    for path in out.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)
    emptied.mkdir(exist_ok=True)
    out.rename(tempfile.mkdtemp(dir=emptied))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--aqueduct", default=str(ROOT / "target/release/aqueduct"))
    parser.add_argument("--input", type=pathlib.Path, help="a film; by default the shared 1080p clip, else a synthetic one")
    parser.add_argument("--repeat", type=int, default=4, help="transcoding: how often the input is played in a row (default 4)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each contestant (default 3)")
    parser.add_argument("--presets", "--preset", default="veryfast,medium", help="transcoding: x264's presets (default veryfast,medium)")
    parser.add_argument("--quality", action="store_true", help="transcoding: also each rung's size, PSNR, SSIM and VMAF beside ffmpeg's; alone with --runs 0")
    parser.add_argument("--lengths", action="store_true", help="transcoding: also the memory for 30 s and for 10 min")
    parser.add_argument("--packaging", action="store_true", help="only the table of packaging")
    parser.add_argument("--transcoding", action="store_true", help="only the tables of transcoding")
    parser.add_argument("--gigabytes", type=float, default=1.25, help="packaging: size of the film (default 1.25)")
    parser.add_argument("--sizes", action="store_true", help="packaging: also the memory for films of 0.1, 1 and 4 GB")
    parser.add_argument("--scratch", default=None, help="folder for the outputs (default: the system's)")
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md")
    return parser.parse_args()


def clip_of(args, scratch):
    clip = args.input or (CLIP if CLIP.exists() else None)
    if clip is None:
        clip = scratch / "clip.mp4"
        check([str(ROOT / "scripts/make-clip.sh"), str(clip)])
    return clip


def repeated(clip, times, to):
    if times <= 1:
        return clip
    loop = ["-stream_loop", str(times - 1), "-i", str(clip)]
    check(["ffmpeg", "-nostdin", "-v", "error", "-y", *loop, "-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", "-movflags", "+faststart", str(to)])
    return to


def large(clip, size, to):
    return repeated(clip, max(2, round(size / clip.stat().st_size)), to)


class Memory:
    """Memory that the machine has at hand. A virtual machine may give blocks of memory back two seconds after they became free,
    and gets them anew page by page, which costs several times what writing to them does: that would be measured, not the
    contestants. So memory is held in a file while free memory goes back, and handed on just before a run."""

    # What `cp` writes at once: Linux gives a write memory in blocks of its size.
    PIECE = 1 << 18

    def __init__(self, file, count):
        self.file, self.count = file, count

    def hold(self):
        """To be called just after as much was freed."""
        piece = bytes(self.PIECE)
        with open(self.file, "wb", buffering=0) as file:
            for _ in range(self.count // self.PIECE):
                file.write(piece)
        time.sleep(2.5)

    def hand_on(self):
        os.truncate(self.file, 0)


def warm(source):
    with open(source, "rb") as file:
        while file.read(1 << 24):
            pass


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


def ours(args, container, source, out):
    return [args.aqueduct, "package", str(source), str(out), "--container", container, "--quiet"]


def ffmpeg_copy(binary, container, source, out):
    """The same layout: sound muxed into MPEG-TS, and beside the pictures in fMP4."""
    command = [binary, "-nostdin", "-v", "error", "-y", "-i", str(source), "-map", "0:v:0", "-map", "0:a:0", "-c", "copy"]
    command += ["-f", "hls", "-hls_time", "6", "-hls_playlist_type", "vod", "-master_pl_name", "master.m3u8"]
    if container == "ts":
        return command + ["-hls_segment_filename", f"{out}/%05d.ts", f"{out}/index.m3u8"]
    command += ["-hls_segment_type", "fmp4", "-var_stream_map", "v:0,agroup:sound a:0,agroup:sound"]
    return command + ["-hls_segment_filename", f"{out}/%v/%05d.m4s", f"{out}/%v/index.m3u8"]


def packager():
    found = os.environ.get("PACKAGER") or str(ROOT / ".cache/tools/bin/packager")
    return found if pathlib.Path(found).exists() else None


def shaka_version():
    return re.sub(r"^packager version v?([0-9.]+).*", r"\1", check([packager(), "--version"]).splitlines()[0])


def shaka(container, source, out):
    """It always puts the sound beside the pictures."""
    def stream(kind):
        parts = [f"in={source}", f"stream={kind}", f"playlist_name={kind}.m3u8"]
        if container == "ts":
            return ",".join(parts + [f"segment_template={out}/{kind}/$Number%05d$.ts"])
        return ",".join(parts + [f"init_segment={out}/{kind}/init.mp4", f"segment_template={out}/{kind}/$Number%05d$.m4s"])
    flags = ["--segment_duration", "6", "--hls_playlist_type", "VOD", "--hls_master_playlist_output", f"{out}/master.m3u8", "--quiet"]
    return [packager(), stream("video"), stream("audio"), *flags]


def copy(source, out):
    return ["cp", *([] if sys.platform == "darwin" else ["--reflink=never"]), str(source), f"{out}/copy.mp4"]


def measure(command, out):
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"failed with {process.returncode}: {' '.join(command)}")
    segments = [path for path in out.rglob("*") if path.suffix in (".ts", ".m4s", ".mp4")]
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        # Linux counts in KiB, macOS in bytes.
        "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "size": sum(path.stat().st_size for path in segments),
        "segments": len(segments),
    }


def median(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0] if key != "beside"}


def table(results, floors, plan, clip, args, preset, copy):
    medians = {name: median(runs) for name, runs in results.items()}
    ours, alone = medians["aqueduct"], medians["aqueduct --jobs 1"]
    rungs = ", ".join(rendition["name"] for rendition in plan["renditions"])
    copied = ", the source's own video as a rung" if copy == "always" else ""
    lines = [
        f"{clip.name} {args.repeat} times in a row ({plan['duration']:.0f} s), {rungs}, preset {preset}{copied}; medians of {args.runs}"
        f" alternating runs on {os.cpu_count()} cores ({platform.machine()}). The ratio is aqueduct's share of the other's.",
        "",
        "| | wall | ratio | of the floor | CPU | ratio | peak memory | ratio | output | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, m in medians.items():
        def of_the_floor():
            beside = [run["wall"] / run["beside"] for run in results[name] if run["beside"]]
            if beside:
                return f"{statistics.median(beside):.2f}"
            return f"{m['wall'] / floors.wall():.2f}" if floors.wall() else ""
        def ratio(key):
            return "" if name.startswith("aqueduct") else f"{ours[key] / m[key]:.2f}"
        cells = [name, f"{m['wall']:.1f} s", ratio("wall"), of_the_floor(), f"{m['cpu']:.1f} s", ratio("cpu")]
        cells += [f"{m['memory'] / 1e6:.0f} MB", ratio("memory"), f"{m['size'] / 1e6:.1f} MB", ratio("size")]
        lines.append("| " + " | ".join(cells) + " |")
    cores = os.cpu_count()
    gain = alone["wall"] / (cores * ours["wall"])
    lines += ["", f"{floors.told()} From 1 to {cores} jobs: {100 * gain:.0f} % of {cores} times the speed, {ours['cpu'] / alone['cpu']:.2f} of the CPU time."]
    if copy != "always" and len({m["segments"] for m in medians.values()}) > 1:
        lines += ["", "Not the same work: " + ", ".join(f"{name} {m['segments']:.0f} segments" for name, m in medians.items()) + "."]
    return "\n".join(lines)


def packaging_table(results, source, clip, args):
    medians = {name: median(runs) for name, runs in results.items()}
    size = source.stat().st_size
    lines = [
        f"{clip.name} played until it has {size / 1e9:.2f} GB, segments of 6 s; medians of {args.runs} alternating runs on"
        f" {os.cpu_count()} cores ({platform.machine()}). The ratio is aqueduct's share of the other's wall time, into the same container.",
        "",
        "| | wall | ratio, ts | ratio, fmp4 | GB/s | CPU | peak memory | output | files |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, m in medians.items():
        def ratio(container):
            is_peer = not name.startswith("aqueduct") and (name == "cp" or name.endswith(f" {container}"))
            return f"{medians[f'aqueduct {container}']['wall'] / m['wall']:.2f}" if is_peer else ""
        cells = [name, f"{m['wall']:.2f} s", ratio("ts"), ratio("fmp4"), f"{size / m['wall'] / 1e9:.2f}"]
        cells += [f"{m['cpu']:.2f} s", f"{m['memory'] / 1e6:.0f} MB", f"{m['size'] / 1e6:.0f} MB", f"{m['segments']:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def into_readme(marker, text):
    readme = ROOT / "README.md"
    begin, end = f"<!-- {marker}: begin -->\n", f"<!-- {marker}: end -->"
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
