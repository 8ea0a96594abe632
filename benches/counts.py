#!/usr/bin/env python3
"""Counts the instructions of runs that have nothing to do, and compares them with the numbers in benches/counts.json.

usage: python3 benches/counts.py [--larder target/release/larder] [--update]

Instructions do not depend on what else the machine does, so they show a change of a few percent that times can't show. `valgrind
--tool=callgrind` counts those of `larder ensure all` with 8 and with 1,000 subsystems that are up to date. More than 3 % above the recorded number
fails; more than 3 % below passes and asks to record the new numbers: `--update` writes them.

What would change the count without a change of larder is fixed: the environment, the length of the project's path, the addresses
(`setarch -R`), one core, and the variants of memcpy and the like that the C library chooses for a processor. Two runs then differ by less than
0.1 %. Another compiler, C library or processor architecture changes the count by several percent: there only the cost per subsystem is
compared, which hardly depends on the start of the program, and to within 10 %.
"""
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import REPO, environment, first_line, larder_project, options, parse, run, table

RECORD = REPO / "benches/counts.json"
SIZES = (8, 1000)
WITHIN, WITHIN_ELSEWHERE = 0.03, 0.10
# The path of the project has this length wherever the folder for temporary files is.
LENGTH = 100
# glibc then takes the same functions for strings and memory on every x86-64 processor.
TUNABLES = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-ERMS,-FSRM,-BMI2,-LZCNT,-MOVBE,-RTM"


def toolchain():
    """What changes the count although larder is the same."""
    return {
        "rustc": first_line(["rustc", "--version"]),
        "libc": " ".join(platform.libc_ver()),
        "machine": platform.machine(),
        "valgrind": first_line(["valgrind", "--version"]),
    }


def count(larder, n, base):
    """The instructions of a run with nothing to do."""
    project = base / f"p{n}"
    project = project.with_name(project.name + "-" * (LENGTH - len(str(project))))
    project.mkdir()
    larder_project(project, n)
    env = environment(base)
    ensure = [larder, "ensure", "all"]
    run(ensure, project, env)
    time.sleep(1.1)  # larder reads a file again if it is not older than its record, so wait for the clock
    run(ensure, project, env)
    env |= {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "GLIBC_TUNABLES": TUNABLES}
    out = base / "out"
    command = [shutil.which("valgrind"), "--tool=callgrind", f"--callgrind-out-file={out}", *ensure]
    if shutil.which("setarch"):
        command = [shutil.which("setarch"), "-R", *command]
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(command, cwd=project, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found or f"{n} up to date" not in done.stderr:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    shutil.rmtree(project)
    return int(found[1])


def compare(counts, recorded, same):
    """The lines of the table, the failures, and what has become cheaper."""
    pairs = [(f"nothing to do, {n:,}", counts[str(n)], recorded["instructions"][str(n)]) for n in SIZES]
    each = [round((numbers[str(SIZES[1])] - numbers[str(SIZES[0])]) / (SIZES[1] - SIZES[0])) for numbers in (counts, recorded["instructions"])]
    pairs.append(("each subsystem", *each))
    lines, more, less = [], [], []
    for what, now, before in pairs:
        change = now / before - 1
        is_compared = same != (what == "each subsystem")
        within = WITHIN if same else WITHIN_ELSEWHERE
        lines.append([what, f"{now:,}", f"{before:,}", f"{change * 100:+.1f} %" + ("" if is_compared else " (not compared)")])
        if is_compared and change > within:
            more.append(what)
        if is_compared and change < -within:
            less.append(what)
    return lines, more, less


def main():
    parser = options(1)
    parser.add_argument("--update", action="store_true", help="record the numbers of this run")
    args = parse(parser)
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed")
    with tempfile.TemporaryDirectory(prefix="larder-") as folder:
        counts = {str(n): count(args.larder, n, Path(folder)) for n in SIZES}
    made = {"with": toolchain(), "instructions": counts}
    if args.update or not RECORD.exists():
        RECORD.write_text(json.dumps(made, indent=2) + "\n")
        print(f"recorded in {RECORD.relative_to(REPO)}: {counts}")
        return
    recorded = json.loads(RECORD.read_text())
    others = [f"{name} is {now}, and not {recorded['with'][name]}" for name, now in made["with"].items() if now != recorded["with"][name]]
    lines, more, less = compare(counts, recorded, not others)
    print(table(["instructions", "now", "recorded", "change"], lines))
    if others:
        print(f"\nonly the cost of each subsystem is compared, to within {WITHIN_ELSEWHERE:.0%}: {'; '.join(others)}")
    if less:
        print(f"\nfewer instructions than recorded: {', '.join(less)}. `python3 benches/counts.py --update` records them, so that they stay")
    if more:
        sys.exit(f"\nmore instructions than recorded: {', '.join(more)}. If that has to be, `python3 benches/counts.py --update` records them, "
                 "and the commit says why")


if __name__ == "__main__":
    main()
