#!/usr/bin/env python3
"""Compares `larder package`, and larder's unpacking of a package, with tar and gzip, pigz or zstd on real binaries.

usage: python3 benches/pack.py [--larder target/release/larder] [--runs 5] [--only pack|unpack] [--json] [--megabytes 400 | BINARY ...]

The binaries are those of benches/fetch.py. The commands for a format take turns.

Packing: each run packs all binaries, each into its own archive. larder's archives have the same bytes for any number of threads,
which its tests check. larder also reads and hashes the files before it packs them, and hashes the archive. Sizes are compared with
those of `gzip -6`, which runs only once because it is slow.

Unpacking: one archive of all binaries. larder's part is `cargo build --release --example unpack`, which also hashes the files and
writes them, with one or two threads that decompress; the other commands write to /dev/null. Without that program, this part is left out.
"""
import os
import shutil
import sys
from pathlib import Path

from common import Rows, find_peers, interleaved, machine, parse, run, workshop
from hub import binaries, built, megabytes, options, project, sources

PACKERS = {"tar.gz": ["pigz -p2 -6"], "tar.zst": ["zstd -q -3 -T2"]}
READERS = {"tar.gz": ["gzip -dc", "pigz -dc"], "tar.zst": ["zstd -q -dc"]}
ONCE = "gzip -6"


def emptied(folders, env):
    """Measures a command that finds empty folders."""
    def measure(_, command):
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        os.sync()
        return run(*command, env)
    return measure


def packing(rows, base, env, args, files, peers):
    root, out = base / "pack", base / "out"
    dist = root / ".dist"

    def piped(packer):
        lines = [f"tar c -C {file.parent} {file.name} | {packer} > {out}/{file.name}" for file in files]
        return ["sh", "-ec", "; ".join(lines)], base

    once = emptied([out], env)(ONCE, piped(ONCE))
    rows.notes.append(f"`{ONCE}` ran once")
    once_size = megabytes(out.iterdir())
    for form, packers in PACKERS.items():
        project(root, built(files, form), f'hub: {{dir: "{base}/hub"}}')
        run([args.larder, "ensure", "all"], root, env)
        commands = {"larder": ([args.larder, "package", "all"], root)}
        commands |= {packer: piped(packer) for packer in packers if packer.split()[0] in peers}
        sizes = {}

        def measure(name, command):
            seconds = emptied([dist, out], env)(name, command)
            sizes[name] = [megabytes(dist.glob(f"*.{form}") if name == "larder" else out.iterdir())]
            return seconds

        times = interleaved(commands, args.runs, measure)
        if form == "tar.gz":
            times[ONCE] = [once]
        rows.add(f"packing as {form}", times)
        rows.add(f"size of {form}", sizes | {ONCE: [once_size]}, unit="MB")


def unpacking(rows, base, env, args, files, peers, program):
    large, root, into = base / "large/large", base / "unpack", base / "into"
    large.parent.mkdir()
    with large.open("wb") as all_of_them:
        for file in files:
            shutil.copyfileobj(file.open("rb"), all_of_them)
    for form, readers in READERS.items():
        project(root, built([large], form), f'hub: {{dir: "{base}/hub"}}')
        run([args.larder, "ensure", "all"], root, env)
        run([args.larder, "package", "all"], root, env)
        archive = next((root / ".dist").glob(f"*.{form}"))
        ours = {f"unpacking {form}, {threads} thread{'s' * (threads > 1)}": threads for threads in (1, 2)}
        commands = {name: (["env", f"RAYON_NUM_THREADS={threads}", program, archive, into], base) for name, threads in ours.items()}
        commands |= {reader: (["sh", "-c", f"{reader} {archive} > /dev/null"], base) for reader in readers if reader.split()[0] in peers}
        times = interleaved(commands, args.runs, emptied([into], env))
        for name in ours:
            rows.add(name, {"larder": times[name], **{reader: times[reader] for reader in readers if reader in times}})


def main():
    parser = options(runs=5)
    parser.add_argument("--only", choices=["pack", "unpack"])
    args = parse(parser)
    parts = [args.only] if args.only else ["pack", "unpack"]
    program, rows = Path(args.larder).parent / "examples/unpack", Rows("s")
    if "unpack" in parts and not program.exists():
        parts.remove("unpack")
        print(f"unpacking is left out: {program} is missing; `cargo build --locked --release --example unpack` makes it", file=sys.stderr)
    with workshop() as (base, env):
        peers = find_peers(args, ("gzip", "pigz", "zstd"))
        facts = machine(base, args.larder, peers)
        files = sources(base, binaries(args))
        rows.notes.append(f"packing and unpacking: {len(files)} binaries, {megabytes(files):.0f} MB")
        if "pack" in parts:
            packing(rows, base, env, args, files, peers)
        if "unpack" in parts:
            unpacking(rows, base, env, args, files, peers, program)
    rows.show(args, facts)


if __name__ == "__main__":
    main()
