#!/usr/bin/env python3
"""Compares first builds of larder and ninja: N subsystems, none of them installed, each built by one trivial command. Medians of interleaved
runs.

usage: python3 benches/first_build.py [--larder target/release/larder] [--runs 5] [--jobs N] [N ...]        (default N: 100 1000)

ninja copies a file, writes a stamp and flushes both to disk (`cp && echo && sync`): what larder guarantees of what it makes visible. larder also
copies the source into a clean work folder, checks and hashes the result, keeps it in the cache and writes a log. `floor` is a loop that starts the
same shell for each and then makes only the system calls that an installed set can't go without: it writes and flushes the stamp, flushes the binary,
makes the links and renames the pivot. Each run has empty folders. The machine's noise affects all of them equally, so use the ratios.
"""
import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from noop import larder_project


def ninja_project(root, n):
    rules = ["rule make\n  command = cp $in $binary && echo v1.0.0 > $out && sync $binary $out\n"]
    for i in range(n):
        folder = root / f"t{i:05}"
        folder.mkdir()
        (folder / "source").write_text(f"#!/bin/sh\necho {i}\n")
        rules.append(f"build t{i:05}/stamp | t{i:05}/binary: make t{i:05}/source\n  binary = t{i:05}/binary\n")
    (root / "build.ninja").write_text("".join(rules))


def flush(path):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def floor(root, n, jobs):
    """The loop, in as many processes as there are jobs."""
    workers = []
    for worker in range(jobs):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                for i in range(worker, n, jobs):
                    folder = f"{root}/t{i:05}"
                    staged = f"{folder}/.bin/.v/set-1"
                    os.makedirs(staged)
                    command = ["sh", "-c", f"cp {folder}/source {staged}/binary"]
                    child = os.posix_spawn("/bin/sh", command, os.environ)
                    assert os.waitpid(child, 0)[1] == 0
                    Path(f"{staged}/.version").write_text("version: v1.0.0\n")
                    for name in ("binary", ".version", ""):
                        flush(f"{staged}/{name}")
                    for name in ("binary", ".version"):
                        os.symlink(f".v/current/{name}", f"{folder}/.bin/{name}")
                    os.symlink("set-1", f"{folder}/.bin/.v/new")
                    os.rename(f"{folder}/.bin/.v/new", f"{folder}/.bin/.v/current")
                    flush(f"{folder}/.bin/.v")
                status = 0
            finally:
                os._exit(status)
        workers.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in workers)


def once(what, n, base, args):
    env = {"PATH": os.environ["PATH"], "HOME": str(base), "LARDER_CACHE_DIR": str(base / "cache")}
    (base / "project").mkdir(parents=True)
    (larder_project if what == "larder" else ninja_project)(base / "project", n)
    # What was written before must not be flushed by the run that is measured.
    subprocess.run(["sync", "-f", base], check=True)
    start = time.perf_counter()
    if what == "floor":
        floor(base / "project", n, args.jobs)
    else:
        command = [args.larder, "ensure", "all"] if what == "larder" else [args.ninja]
        command += ["-j", str(args.jobs)]
        done = subprocess.run(command, cwd=base / "project", env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, command
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--larder", default="target/release/larder")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--dir", help="the folder in which the projects are made: its file system is measured")
    parser.add_argument("n", type=int, nargs="*", default=[100, 1000])
    args = parser.parse_args()
    args.larder, args.ninja = str(Path(args.larder).resolve()), shutil.which("ninja") or sys.exit("ninja is not installed")
    print(f"{os.cpu_count()} cores, {args.jobs} jobs, medians of {args.runs}\n")
    print("| subsystems | larder ensure all (s) | ninja (s) | ratio | floor (s) | of the floor | larder, ms each |\n|---|---|---|---|---|---|---|")
    points = []
    # Nothing is removed before the end: ext4 without a journal avoids the inodes of what was just removed, and searches long for others.
    folder = Path(tempfile.mkdtemp(dir=args.dir))
    for n in args.n:
        times = {name: [] for name in ("larder", "ninja", "floor")}
        for run in range(args.runs):
            for name, measured in times.items():
                measured.append(once(name, n, folder / f"{name}-{n}-{run}", args))
        a, b, c = (statistics.median(times[name]) for name in times)
        print(f"| {n:,} | {a:.3f} | {b:.3f} | {a / b:.2f} | {c:.3f} | {a / c:.2f} | {a / n * 1000:.2f} |", flush=True)
        points.append((math.log(n), math.log(a)))
    shutil.rmtree(folder)
    if len(points) > 1:
        (x, y), (last_x, last_y) = points[0], points[-1]
        print(f"\nlarder grows as N to the power of {(last_y - y) / (last_x - x):.2f}")


if __name__ == "__main__":
    main()
