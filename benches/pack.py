#!/usr/bin/env python3
"""Compares `larder package` with tar and gzip, pigz or zstd on real binaries.

usage: python3 benches/pack.py [--larder target/release/larder] [--runs 5] [--json] [BINARY ...]

The binaries are those of benches/fetch.py. Each run packs all of them one after the other, each into its own archive; the commands
take turns. larder's archives have the same bytes for any number of threads, which its tests check. larder also reads and hashes
the files before it packs them, and hashes the archive. Smaller is better in both columns.
"""
import os
import shutil

from common import Rows, interleaved, machine, parse, run, workshop
from fetch import binaries, install, options, serve

PEERS = {
    "tar.gz": ["gzip -6", "pigz -p2 -6"],
    "tar.zst": ["zstd -q -3 -T2"],
}


def main():
    args = parse(options(runs=5))
    larder, paths = args.larder, args.binary or binaries()
    rows = Rows("s")
    with workshop() as (base, env):
        facts = machine(base, larder)
        server, url = serve(base)
        try:
            project, names = install(base, url, larder, env, paths)
        finally:
            server.terminate()
            server.wait()
        recipes = [project / "subsystems" / name / "recipe.yml" for name in names]
        bare = {recipe: recipe.read_text() for recipe in recipes}
        out = base / "out"
        unpacked = sum(path.stat().st_size for path in paths) / 1e6
        for extension, peers in PEERS.items():
            for recipe, text in bare.items():
                recipe.write_text(f"{text}package: {{format: {extension}}}\n")
            commands = {"larder": ([larder, "package", "all"], project, project / ".dist")}
            for peer in peers:
                if shutil.which(peer.split()[0]):
                    lines = [f"tar c -C {base}/site {name} | {peer} > {out}/{name}.{extension}" for name in names]
                    commands[peer] = (["sh", "-ec", f"mkdir -p {out}; " + "; ".join(lines)], base, out)
            sizes = {}

            def measure(name, command, sizes=sizes, extension=extension):
                shutil.rmtree(command[2], ignore_errors=True)
                os.sync()
                seconds = run(command[0], command[1], env)
                sizes[name] = round(sum(file.stat().st_size for file in command[2].glob(f"*.{extension}")) / 1e6, 1)
                return seconds

            times = interleaved(commands, args.runs, measure)
            rows.add(f"packing {unpacked:.0f} MB as {extension}", times, megabytes=sizes)
    rows.show(args, facts)
    if not args.json:
        for row in rows.rows:
            print(f"\n{row['work']}, MB: " + ", ".join(f"{name} {size}" for name, size in row["megabytes"].items()))


if __name__ == "__main__":
    main()
