#!/usr/bin/env python3
"""Compares `larder package`, and larder's unpacking of a package, with tar and gzip, pigz or zstd on real binaries.

usage: python3 benches/pack.py [--larder target/release/larder] [--runs 5] [--only pack|unpack] [--json] [BINARY ...]

The binaries are those of benches/fetch.py. All commands of a table take turns.

Packing: each run packs all binaries, each into its own archive. larder's archives have the same bytes for any number of threads,
which its tests check. larder also reads and hashes the files before it packs them, and hashes the archive. Sizes are compared with
those of `gzip -6`, which runs only once because it is slow.

Unpacking: one archive of all binaries. larder's part is `cargo build --release --example unpack`, which also hashes the files and
writes them, with one or two threads that decompress; the other commands write to /dev/null. Ratios are times of larder divided by
those of the command, so smaller is better.
"""
import json
import os
import shutil
import statistics
import sys
from pathlib import Path

from common import run, workshop
from fetch import binaries, install, options, recipe, serve

PACKERS = {"tar.gz": ["pigz -p2 -6"], "tar.zst": ["zstd -q -3 -T2"]}
READERS = {"tar.gz": ["gzip -dc", "pigz -dc"], "tar.zst": ["zstd -q -dc"]}


def medians(commands, runs, before):
    """The median seconds of each command. Each is (command, folder, environment)."""
    times = {name: [] for name in commands}
    for i in range(runs + 1):
        for name, command in commands.items():
            before(name)
            seconds = run(*command)
            if i > 0:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def is_there(command):
    return shutil.which(command.split()[0]) is not None


def megabytes(files):
    return sum(file.stat().st_size for file in files) / 1e6


def state_formats(project, names, extension):
    for name in names:
        file = project / "subsystems" / name / "recipe.yml"
        text = "".join(line for line in file.open() if not line.startswith("package:"))
        file.write_text(f"{text}package: {{format: {extension}}}\n")


def packing(base, env, larder, project, names, runs):
    dist, out = project / ".dist", base / "out"
    rows, sizes = [], {}

    def piped(peer):
        lines = [f"tar c -C {base}/site {name} | {peer} > {out}/{name}" for name in names]
        return ["sh", "-ec", "; ".join(lines)], base, env

    out.mkdir()
    seconds = run(*piped("gzip -6"))
    gzip_size = megabytes(out.iterdir())
    rows.append(("tar.gz", "gzip -6, once", seconds, gzip_size, None, 1))
    for extension, packers in PACKERS.items():
        state_formats(project, names, extension)
        commands = {"larder": ([larder, "package", "all"], project, env)}
        commands |= {packer: piped(packer) for packer in packers if is_there(packer)}

        def before(name):
            shutil.rmtree(dist, ignore_errors=True)
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            os.sync()

        times = medians(commands, runs, before)
        for name in commands:
            before(name)
            run(*commands[name])
            files = dist.glob(f"*.{extension}") if name == "larder" else out.iterdir()
            size = megabytes(files)
            rows.append((extension, name, times[name], size, times["larder"] / times[name], size / gzip_size))
    return [dict(zip(("format", "command", "seconds", "mb", "ratio", "size_to_gzip"), row)) for row in rows]


def unpacking(base, env, larder, paths, url, runs):
    program = Path(larder).parent / "examples/unpack"
    if not program.exists():
        sys.exit(f"{program} is missing: `cargo build --release --example unpack` builds it")
    with (base / "site/large").open("wb") as large:
        for path in paths:
            shutil.copyfileobj(path.open("rb"), large)
    project, into, rows = base / "one", base / "into", []
    recipe(project, "large", f"{url}/large", base / "site/large")
    (project / "versions.yml").write_text(f'versions:\n  large: v1.0.0\nhub: {{dir: "{base}/hub"}}\nupload: never\n')
    run([larder, "ensure", "all"], project, env)
    for extension, readers in READERS.items():
        state_formats(project, ["large"], extension)
        run([larder, "package", "all"], project, env)
        archive = next((project / ".dist").glob(f"*.{extension}"))
        commands = {
            f"larder, {threads}": ([str(program), str(archive), str(into)], base, env | {"RAYON_NUM_THREADS": str(threads)})
            for threads in (1, 2)
        }
        for reader in filter(is_there, readers):
            commands[reader] = (["sh", "-c", f"{reader} {archive} > /dev/null"], base, env)

        def before(name):
            shutil.rmtree(into, ignore_errors=True)
            into.mkdir()
            os.sync()

        times = medians(commands, runs, before)
        one, two = times["larder, 1"], times["larder, 2"]
        for name, seconds in times.items():
            rows.append({"format": extension, "command": name, "seconds": seconds, "one": one / seconds, "two": two / seconds})
    return rows


def main():
    parser = options(runs=5)
    parser.add_argument("--only", choices=["pack", "unpack"])
    args = parser.parse_args()
    larder, paths = str(Path(args.larder).resolve()), args.binary or binaries()
    result = {"cores": os.cpu_count(), "binaries": len(paths), "unpacked_mb": round(megabytes(paths), 1)}
    with workshop() as (base, env):
        server, url = serve(base)
        try:
            if args.only != "unpack":
                project, names = install(base, url, larder, env, paths)
                result["packing"] = packing(base, env, larder, project, names, args.runs)
            if args.only != "pack":
                result["unpacking"] = unpacking(base, env, larder, paths, url, args.runs)
        finally:
            server.terminate()
            server.wait()
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{len(paths)} binaries, {result['unpacked_mb']} MB, {args.runs} runs each, {result['cores']} cores\n")
    if "packing" in result:
        print("| format | command | median (s) | MB | size / size of gzip -6 | time of larder / time of command |\n|---|---|---|---|---|---|")
        for row in result["packing"]:
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
            print(f"| {row['format']} | {row['command']} | {row['seconds']:.2f} | {row['mb']:.2f} | {row['size_to_gzip']:.3f} | {ratio} |")
    if "unpacking" in result:
        print("\n| format | unpacked by | median (s) | larder with 1 thread / this | larder with 2 threads / this |\n|---|---|---|---|---|")
        for row in result["unpacking"]:
            print(f"| {row['format']} | {row['command']} | {row['seconds']:.2f} | {row['one']:.2f} | {row['two']:.2f} |")


if __name__ == "__main__":
    main()
