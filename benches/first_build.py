#!/usr/bin/env python3
"""Compares first builds of larder and ninja: N subsystems, none of them installed, each built by one trivial command. Medians of interleaved
runs.

usage: python3 benches/first_build.py [--larder target/release/larder] [--runs 5] [--jobs N] [--dir FOLDER] [--ninja PATH] [--json] [N ...]
       (default N: 100 1000)

ninja copies a file, writes a stamp and flushes both to disk (`cp && echo && sync`): what larder guarantees of what it makes visible. larder also
copies the source into a clean work folder, checks and hashes the result, keeps it in the cache and writes a log. `floor` is a loop that starts the
same shell for each and then makes only the system calls that an installed set can't go without: it writes and flushes the stamp, flushes the binary,
makes the links and renames the pivot. Each run has empty folders. The machine's noise affects all of them equally, so use the ratios.
"""
import os
import subprocess
import tempfile
import time
from pathlib import Path

from common import Rows, environment, exponent, find_peers, interleaved, larder_project, machine, ninja_project, options, parse, run, workshop


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


def measure(base, n, commands, args):
    """The seconds of each program, each time with a new project."""
    def once(name, command):
        # Nothing is removed before the end: ext4 without a journal avoids the inodes of what was just removed, and searches long for others.
        made = Path(tempfile.mkdtemp(dir=base))
        project = made / "project"
        project.mkdir()
        if name == "larder":
            larder_project(project, n)
        else:
            ninja_project(project, n, " && sync $binary $out")
        # What was written before must not be flushed by the run that is measured.
        subprocess.run(["sync", "-f", made], check=True)
        if command is not None:
            return run([*command, "-j", str(args.jobs)], project, environment(made))
        start = time.perf_counter()
        floor(project, n, args.jobs)
        return time.perf_counter() - start

    return interleaved(commands | {"floor": None}, args.runs, once)


def main():
    parser = options(5, ("ninja",))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--dir", help="the folder in which the projects are made: its file system is measured")
    parser.add_argument("n", type=int, nargs="*", default=[100, 1000])
    args = parse(parser)
    peers, rows, points = find_peers(args, ("ninja",)), Rows("s"), []
    with workshop(args.dir) as (base, _):
        facts = machine(base, args.larder, peers) | {"jobs": args.jobs}
        commands = {"larder": [args.larder, "ensure", "all"]} | {name: [path] for name, path in peers.items()}
        for n in args.n:
            rows.add(f"first build, {n:,}", measure(base, n, commands, args))
            points.append((n, rows.rows[-1]["medians"]["larder"]))
    rows.notes.append("larder's first build: " + ", ".join(f"{seconds / n * 1000:.2f} ms for each of {n:,}" for n, seconds in points))
    if len(points) > 1:
        rows.notes[-1] += f"; it grows as N to the power of {exponent(points):.2f}"
    rows.show(args, facts)


if __name__ == "__main__":
    main()
