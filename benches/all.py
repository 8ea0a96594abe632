#!/usr/bin/env python3
"""Makes the whole table of larder's performance against other programs, with one command.

usage: python3 benches/all.py [--larder target/release/larder] [--quick] [--only PART ...] [--n2 PATH] [--go-task PATH] [--json]

The parts, each of them a bench that can also run alone:

    noop         nothing to do, for 8, 1,000 and 10,000 subsystems    ninja, n2, make, go-task, just, and a floor in C
    first_build  first build of trivial subsystems                    ninja with cp, a stamp and sync
    fetch        cold fetch from nginx                                curl, sha256sum and tar
    restore      restoring from the cache, download from a folder     cp, sha256sum and tar
    pack         tar.gz and tar.zst                                   pigz, gzip, zstd
    serve        larder serve                                         nginx, with wrk as the client
    growth       how time and memory grow with the number of subsystems

A program that is not there is named on stderr and left out, and so is a part that can't do without it. The end is one table of all ratios
with their goals. A figure with `~` is noisy. `--quick` takes a tenth of the time and only shows that everything works.
"""
import json
import os
import shutil
import subprocess
import sys
import time

from common import PEERS, REPO, find_peers, load, machine, options, parse, show_machine, show_rows, workshop

# Each part: the programs it can't do without, its arguments, and those with --quick.
SMALL = ["--runs", "1", "--megabytes", "40"]
PARTS = {
    "noop": ((), ["8", "1000", "10000"], ["--runs", "5", "8", "100"]),
    "first_build": (("ninja",), ["100", "1000"], ["--runs", "1", "10", "20"]),
    "fetch": (("nginx", "curl"), [], [*SMALL, "--no-limits"]),
    "restore": (("sha256sum",), [], [*SMALL, "--copies", "1"]),
    "pack": (("gzip",), [], SMALL),
    "serve": (("nginx", "wrk"), [], ["--runs", "1", "--seconds", "1", "--only", "metadata"]),
    "growth": ((), [], ["10", "30", "100"]),
}
# The programs whose paths a part takes.
PATHS = {"noop": PEERS, "first_build": ("ninja",)}
# The highest ratio that is wanted: what the work begins with, the peer, the goal, and on how many cores it holds.
GOALS = (
    ("nothing to do", "n2", 0.9, 1),
    ("first build", "ninja", 2.0, 1),
    ("cold fetch", "curl, sha256sum, tar", 0.45, 1),
    ("download from a folder hub", "sha256sum, tar -P8", 0.4, 16),
    ("restore", "cp", 1.1, 1),
    ("packing as tar.gz", "pigz -p2 -6", 0.5, 1),
    ("size of tar.gz", "gzip -6", 1.01, 1),
    ("packing as tar.zst", "zstd -q -3 -T2", 0.9, 1),
)


def run_part(part, args, peers):
    """Runs a part. Returns what it found; None if a program is missing, False if it failed."""
    needed, full, quick = PARTS[part]
    missing = [program for program in needed if program not in peers and shutil.which(program) is None]
    if missing:
        print(f"{part} is left out: {', '.join(missing)} is not installed", file=sys.stderr)
        return None
    command = [sys.executable, str(REPO / f"benches/{part}.py"), "--larder", args.larder, "--json"]
    command += [text for name, path in peers.items() if name in PATHS.get(part, ()) for text in (f"--{name}", path)]
    command += quick if args.quick else full
    print(f"{part}: {' '.join(command[1:])}", file=sys.stderr, flush=True)
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        print(f"{part} failed with {done.returncode}", file=sys.stderr)
        return False
    print(f"{part}: {time.monotonic() - start:.0f} s, load {load()}", file=sys.stderr, flush=True)
    return json.loads(done.stdout)


def goal(work, peer, ratio):
    for start, against, highest, cores in GOALS:
        if work.startswith(start) and peer == against:
            if len(os.sched_getaffinity(0)) < cores:
                return f"≤ {highest} on {cores} cores"
            return f"≤ {highest}: " + ("met" if ratio <= highest else "**not met**")
    return ""


def main():
    parser = options(None, PEERS)
    parser.add_argument("--quick", action="store_true", help="few runs of small sizes: shows that everything works")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    args = parse(parser)
    if args.runs is not None:
        sys.exit("each part has its own number of runs; run it alone to choose another")
    peers = find_peers(args, PEERS)
    with workshop() as (base, _):
        facts = machine(base, args.larder, peers)
    results = {part: run_part(part, args, peers) for part in args.only}
    found = {part: result for part, result in results.items() if result}
    facts["load"] += f", {load()} at the end"
    if args.json:
        print(json.dumps({"machine": facts} | {key: {part: result[key] for part, result in found.items()} for key in ("rows", "notes")}, indent=1))
    else:
        show_machine(facts)
        show_rows([row for result in found.values() for row in result["rows"]], goal)
        for note in (note for result in found.values() for note in result["notes"]):
            print(f"\n{note}")
        if args.quick:
            print("\n--quick has too few runs and too little work to judge by: the goals hold without it")
        if len(found) < len(results):
            print(f"\nnot measured: {', '.join(part for part in results if part not in found)}")
    sys.exit(1 if False in results.values() else 0)


if __name__ == "__main__":
    main()
