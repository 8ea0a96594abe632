#!/usr/bin/env python3
"""Compares `larder package` with tar and gzip, pigz or zstd on real binaries.

usage: python3 benches/pack.py [--larder target/release/larder] [--runs 5] [--json] [BINARY ...]

The binaries are those of benches/fetch.py. Each run packs all of them one after the other, each into its own archive; the commands
take turns. larder's archives have the same bytes for any number of threads, which its tests check. larder also reads and hashes
the files before it packs them, and hashes the archive. Smaller is better in both columns.
"""
import json
import os
import shutil
import statistics
from pathlib import Path

from fetch import binaries, install, options, run, serve, workshop

PEERS = {
    "tar.gz": ["gzip -6", "pigz -p2 -6"],
    "tar.zst": ["zstd -q -3 -T2"],
}


def main():
    args = options(runs=5).parse_args()
    larder, paths = str(Path(args.larder).resolve()), args.binary or binaries()
    with workshop() as (base, env):
        server, url = serve(base)
        try:
            project, names = install(base, url, larder, env, paths)
        finally:
            server.terminate()
            server.wait()
        recipes = [project / "subsystems" / name / "recipe.yml" for name in names]
        bare = {recipe: recipe.read_text() for recipe in recipes}
        out = base / "out"
        result = {"unpacked_mb": round(sum(path.stat().st_size for path in paths) / 1e6, 1), "formats": {}}
        for extension, peers in PEERS.items():
            for recipe, text in bare.items():
                recipe.write_text(f"{text}package: {{format: {extension}}}\n")
            commands = {"larder": ([larder, "package", "all"], project, project / ".dist")}
            for peer in peers:
                if shutil.which(peer.split()[0]):
                    lines = [f"tar c -C {base}/site {name} | {peer} > {out}/{name}.{extension}" for name in names]
                    commands[peer] = (["sh", "-ec", f"mkdir -p {out}; " + "; ".join(lines)], base, out)
            times, sizes = {name: [] for name in commands}, {}
            for i in range(args.runs + 1):
                for name, (command, cwd, made) in commands.items():
                    shutil.rmtree(made, ignore_errors=True)
                    os.sync()
                    seconds = run(command, cwd, env)
                    if i > 0:
                        times[name].append(seconds)
                    sizes[name] = sum(file.stat().st_size for file in made.glob(f"*.{extension}")) / 1e6
            medians = {name: statistics.median(values) for name, values in times.items()}
            result["formats"][extension] = {
                name: {
                    "seconds": round(medians[name], 2),
                    "all": [round(value, 2) for value in times[name]],
                    "mb": round(sizes[name], 1),
                    "ratio": round(medians["larder"] / medians[name], 2),
                }
                for name in commands
            }
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{len(paths)} binaries, {result['unpacked_mb']} MB, {args.runs} runs each\n")
    print("| format | command | median (s) | MB | time of larder / time of command |\n|---|---|---|---|---|")
    for extension, rows in result["formats"].items():
        for name, row in rows.items():
            print(f"| {extension} | {name} | {row['seconds']:.2f} | {row['mb']} | {row['ratio']:.2f} |")


if __name__ == "__main__":
    main()
