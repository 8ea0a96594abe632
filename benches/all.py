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

A program that is not there is named on stderr and left out, and so is a part whose bench is not there. The end is one table of all ratios
with their goals. A figure with `~` is noisy. `--quick` takes a tenth of the time and only shows that everything works.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

from common import PEERS, REPO, figure, find_peers, load, machine, options, parse, show_machine, table, workshop

# Each part: the programs it can't do without, its arguments, and those with --quick.
PARTS = {
    "noop": ((), ["8", "1000", "10000"], ["--runs", "5", "8", "100"]),
    "first_build": (("ninja",), ["100", "1000"], ["--runs", "1", "20"]),
    "fetch": (("nginx", "curl"), [], ["--runs", "1", "--no-limits"]),
    "restore": (("sha256sum",), [], ["--runs", "1", "--copies", "1"]),
    "pack": (("nginx",), [], ["--runs", "1"]),
    "serve": (("nginx", "wrk"), [], ["--runs", "1", "--seconds", "1", "--only", "metadata"]),
    "growth": ((), [], ["10", "30", "100"]),
}
# The highest ratio that is wanted: what the work begins with, the peer, the goal, and on how many cores it holds.
GOALS = (
    ("nothing to do", "n2", 0.9, 1),
    ("first build", "ninja", 2.0, 1),
    ("cold fetch", "curl, sha256sum, tar", 0.45, 1),
    ("download", "sha256sum, tar", 0.4, 16),
    ("restore", "cp", 1.1, 1),
    ("packing", "pigz -p2 -6", 0.5, 1),
    ("packing", "zstd -q -3 -T2", 0.9, 1),
)


def rows_of(part, out):
    """The rows of a part's output. The benches of common.py print them as JSON; two print something of their own."""
    if part == "first_build":
        found = re.findall(r"^\| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| [\d.]+ \| ([\d.]+) \|", out, re.M)
        return [row(f"first build, {n}", "s", {"larder": float(ours), "ninja": float(ninja), "floor": float(floor)})
                for n, ours, ninja, floor in found]
    result = json.loads(out)
    if part == "restore":
        seconds = result["seconds"]
        pairs = (("restore", "cp"), ("restore", "cp, sha256sum"), ("restore", "cp, sync"), ("download", "sha256sum, tar"))
        return [row(ours, "s", {"larder": seconds[ours], peer: seconds[peer]}) for ours, peer in pairs if peer in seconds]
    return result["rows"]


def row(work, unit, medians):
    ratios = {name: round(medians["larder"] / value, 3) for name, value in medians.items() if name != "larder"}
    return {"work": work, "unit": unit, "medians": medians, "ratios": ratios, "noisy": []}


def run_part(part, args, peers):
    """Runs a part. Returns its rows, or None if it can't run."""
    needed, full, quick = PARTS[part]
    script = REPO / f"benches/{part}.py"
    missing = [program for program in needed if shutil.which(program) is None]
    if missing or not script.exists():
        why = f"{', '.join(missing)} is not installed" if missing else f"there is no {script.relative_to(REPO)}"
        print(f"{part} is left out: {why}", file=sys.stderr)
        return None
    command = [sys.executable, str(script), "--larder", args.larder]
    if part != "first_build":
        command.append("--json")
    if part == "noop":
        command += [text for name, path in peers.items() for text in (f"--{name}", path)]
    command += quick if args.quick else full
    print(f"{part}: {' '.join(command[1:])}", file=sys.stderr, flush=True)
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        print(f"{part} failed with {done.returncode}", file=sys.stderr)
        return None
    print(f"{part}: {time.monotonic() - start:.0f} s, load {load()}", file=sys.stderr, flush=True)
    return rows_of(part, done.stdout)


def goal(work, peer, cores):
    for start, against, highest, at_least in GOALS:
        if work.startswith(start) and peer == against and cores >= at_least:
            return highest
    return None


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
    failed = [part for part, rows in results.items() if rows is None]
    facts["load"] += f", {load()} at the end"
    if args.json:
        print(json.dumps({"machine": facts, "rows": {part: rows for part, rows in results.items() if rows}}, indent=1))
        sys.exit(1 if failed else 0)
    show_machine(facts)
    lines, cores = [], len(os.sched_getaffinity(0))
    for rows in results.values():
        for found in rows or []:
            ours = figure(found["medians"]["larder"]) + ("~" if "larder" in found["noisy"] else "")
            for peer, ratio in found["ratios"].items():
                wanted = goal(found["work"], peer, cores)
                met = "" if wanted is None else f"≤ {wanted}: " + ("met" if ratio <= wanted else "**not met**")
                theirs = figure(found["medians"][peer]) + ("~" if peer in found["noisy"] else "")
                lines.append([found["work"], f"{ours} {found['unit']}".strip(), peer, theirs, figure(ratio, 2), met])
    table(["work", "larder", "compared with", "its figure", "ratio", "goal"], lines)
    for found in results.get("growth") or []:
        if "text" in found:
            print("\n" + found["text"])
    if any("~" in cell for line in lines for cell in line):
        print("\n~ the middle half of these runs differs by more than a sixth: measure again on an idle machine")
    if failed:
        print(f"\nnot measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
