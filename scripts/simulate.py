#!/usr/bin/env python3
"""How a transcode would run on other machines: the scheduler of `publish`, simulated over what was measured.

Reads the `finished` event of `aqueduct publish --profile --json` (its last line) from a file or from standard input,
repeats the measured segments until the film is as long as wanted, and runs the rules of crates/aqueduct-service
(schedule.rs) and crates/aqueduct (segment/works.rs) over them: half as many runs of columns as threads, two columns
under way in each, a pool of threads that takes steps first come, first served, an encoder that takes its pictures in
order, two pictures that may wait for each. What memory bandwidth, hyper-threads and lower clocks take on large machines
is not in it: its efficiency is an upper bound.

usage: aqueduct publish film.mp4 out --profile --json | simulate.py [--cores 1,2,8,64,1000] [--seconds 30,600,7200]
"""

import argparse
import heapq
import json
import sys
from collections import deque

# Steps into which the pictures of a segment are cut: one picture each for 6 s at 30 frames/s.
BATCH = 180
# Such steps that may wait for a rung.
WAITING = 2
COLUMNS = 2
SOUND, PACK = "audio", "mux"
FRONT = ("decode", "scale")


def main():
    args = arguments()
    event = [json.loads(line) for line in args.profile if line.strip().startswith("{")][-1]
    profile = event["profile"]
    names = {part["name"] for part in profile["parts"] if part["is_rung"]}
    measured = [Segment(segment["cpu"], names) for segment in profile["segments"]]
    rest = next(part["cpu"] for part in profile["parts"] if part["name"] == "store and the rest") / len(measured)
    seconds = event["duration"] / len(measured)
    cpu = sum(segment.total() for segment in measured) / len(measured)
    largest = max(max(s.rungs.values(), default=0.0) for s in measured)
    print(f"measured: {len(measured)} segments of {seconds:.1f} s, {cpu:.2f} CPU seconds each, the largest rung {largest:.2f};")
    print(f"on {profile['threads']} threads it took {profile['wall']:.1f} s, the model says {simulate(measured, profile['threads'], args.feed):.1f} s;")
    print(f"besides, storing and the rest take {rest:.3f} CPU seconds for each segment, on other threads\n")
    print("| film | segments | " + " | ".join(f"{n} cores" for n in args.cores) + " |")
    print("| --- | ---: | " + " | ".join("---:" for _ in args.cores) + " |")
    for length in args.seconds:
        count = max(1, round(length / seconds))
        film = [measured[at % len(measured)] for at in range(count)]
        work = sum(segment.total() for segment in film)
        cells = []
        for cores in args.cores:
            wall = simulate(film, cores, args.feed, args.runs)
            cells.append(f"{wall:.1f} s ({100 * work / cores / wall:.0f} %)")
        print(f"| {name_of(length)} | {count} | " + " | ".join(cells) + " |")


class Segment:
    def __init__(self, cpu, rungs):
        # The last segment may be short: no matter.
        self.rungs = {name: spent for name, spent in cpu.items() if name in rungs}
        self.front = sum(cpu.get(name, 0.0) for name in FRONT)
        self.sound, self.pack = cpu.get(SOUND, 0.0), cpu.get(PACK, 0.0)

    def total(self):
        return sum(self.rungs.values()) + self.front + self.sound + self.pack


class Run:
    """One `Works`: its columns under way, and what waits for each rung."""

    def __init__(self, number, rungs):
        self.number = number
        self.waiting = {rung: deque() for rung in rungs}
        self.busy = set()
        self.drawing = None
        self.drawn = 0
        self.is_front_busy = False
        self.columns = deque()
        self.sounds = deque()
        self.is_ear_busy = False
        self.ended = False


def runs_of(cores, segments):
    """`columns_in_flight` of schedule.rs."""
    runs = max(1, min((cores + 1) // 2, segments))
    rounds = segments // runs
    return -(-segments // rounds) if 1 <= rounds <= 4 else runs


def simulate(film, cores, batch=BATCH, most_runs=None):
    """Wall seconds of `film` on so many cores."""
    rungs = sorted({rung for segment in film for rung in segment.rungs}, key=lambda r: -sum(s.rungs.get(r, 0) for s in film))
    count = min(most_runs, len(film)) if most_runs else runs_of(cores, len(film))
    share = lambda n: len(film) * n // count
    lanes = [deque(range(share(n), share(n + 1))) for n in range(count)]
    runs = [Run(number, rungs) for number in range(count)]
    free, now, events, serial = cores, 0.0, [], 0
    # The pool's queue: runs that have a step, first come, first served.
    queue, queued = deque(), set()

    def deal(number):
        if lanes[number]:
            return lanes[number].popleft()
        longest = max(range(count), key=lambda other: len(lanes[other]))
        if not lanes[longest]:
            return None
        half = len(lanes[longest]) // 2
        taken = deque(list(lanes[longest])[half:])
        for _ in range(len(taken)):
            lanes[longest].pop()
        first = taken.popleft()
        lanes[number] = taken
        return first

    def step(run):
        """The next step of a run as (seconds, what happens then), by the order of works.rs."""
        if not run.is_front_busy and not run.ended and run.drawing is None and len(run.columns) < COLUMNS:
            begin(run)
        if not run.is_front_busy and run.drawing and all(len(waiting) < WAITING for waiting in run.waiting.values()):
            run.is_front_busy = True
            column = run.drawing

            def drawn():
                run.is_front_busy = False
                run.drawn += 1
                ends = run.drawn == batch
                for rung, cost in column["segment"].rungs.items():
                    run.waiting[rung].append((column, cost / batch, ends))
                if ends:
                    run.drawing = None
            return column["segment"].front / batch, drawn
        free_rungs = [rung for rung in rungs if rung not in run.busy and run.waiting[rung]]
        # Sound comes where there is nothing else, or all pictures of its column are through.
        if run.sounds and not run.is_ear_busy and (not free_rungs or run.sounds[0]["left"] == 1):
            column = run.sounds.popleft()
            run.is_ear_busy = True

            def heard():
                run.is_ear_busy = False
                column["left"] -= 1
            return column["segment"].sound, heard
        if not free_rungs:
            return None
        # Where a column ends, else where most are waiting; of equals the largest.
        ends = lambda rung: any(ends for _, _, ends in run.waiting[rung])
        rung = max(free_rungs, key=lambda rung: (ends(rung), 0 if ends(rung) else len(run.waiting[rung])))
        run.busy.add(rung)
        items = list(run.waiting[rung])
        run.waiting[rung].clear()

        def encoded():
            run.busy.discard(rung)
            for column, _, ends in items:
                if ends:
                    column["left"] -= 1
        return sum(cost for _, cost, _ in items), encoded

    def begin(run):
        at = deal(run.number)
        if at is None:
            run.ended = True
            return
        segment = film[at]
        column = {"segment": segment, "left": len(segment.rungs) + 1}
        run.columns.append(column)
        run.sounds.append(column)
        run.drawing, run.drawn = column, 0

    def call(run):
        if run.number not in queued:
            queued.add(run.number)
            queue.append(run)

    for run in runs:
        call(run)
    while True:
        while free and queue:
            run = queue.popleft()
            queued.discard(run.number)
            taken = step(run)
            if taken is None:
                continue
            free -= 1
            serial += 1
            heapq.heappush(events, (now + taken[0], serial, run, taken[1]))
            call(run)
        if not events:
            return now
        now, _, run, then = heapq.heappop(events)
        free += 1
        then()
        # Columns are handed out in their order; packing is done on the run's own thread, beside the pool.
        while run.columns and run.columns[0]["left"] == 0:
            run.columns.popleft()
        call(run)


def name_of(seconds):
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min" if seconds >= 120 else f"{seconds:g} s"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("profile", nargs="?", type=argparse.FileType("r"), default=sys.stdin)
    numbers = lambda text: [int(number) for number in text.split(",")]
    parser.add_argument("--cores", type=numbers, default=[1, 2, 8, 64, 1000])
    parser.add_argument("--seconds", type=numbers, default=[30, 600, 7200])
    parser.add_argument("--feed", type=int, default=BATCH, help=f"steps into which the pictures of a segment are cut (default {BATCH})")
    parser.add_argument("--runs", type=int, help="runs of columns, instead of half as many as cores")
    return parser.parse_args()


if __name__ == "__main__":
    main()
