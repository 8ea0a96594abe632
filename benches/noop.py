#!/usr/bin/env python3
"""Compares runs of larder and ninja that have nothing to do: N subsystems, all up to date, medians of interleaved runs.

usage: python3 benches/noop.py [--larder target/release/larder] [--runs 31] [N ...]        (default N: 8 100 1000)

Both check that N outputs are up to date with their inputs. ninja has one source, one binary and one stamp per target; larder has
a recipe, a source folder, a binary and a stamp per subsystem. The machine's noise affects both equally, so use the ratio.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECIPE = """binaries: [{0}]
build:
  source: {{dir: .}}
  commands: ["cp {0}.sh {{{{ out }}}}/{0}"]
"""


def larder_project(root, n):
    names = [f"tool{i:05}" for i in range(n)]
    lines = "".join(f"  {name}: v1.0.0\n" for name in names)
    (root / "versions.yml").write_text("versions:\n" + lines + "upload: never\n")
    for name in names:
        folder = root / "subsystems" / name
        folder.mkdir(parents=True)
        (folder / "recipe.yml").write_text(RECIPE.format(name))
        (folder / f"{name}.sh").write_text(f"#!/bin/sh\necho {name} v1.0.0\n")


def ninja_project(root, n):
    rules = ["rule make\n  command = cp $in $binary && echo v1.0.0 > $out\n"]
    for i in range(n):
        folder = root / f"t{i:05}"
        folder.mkdir()
        (folder / "source").write_text(f"#!/bin/sh\necho {i}\n")
        rules.append(f"build t{i:05}/stamp | t{i:05}/binary: make t{i:05}/source\n  binary = t{i:05}/binary\n")
    (root / "build.ninja").write_text("".join(rules))


def once(command, cwd, env):
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, command
    return (time.perf_counter() - start) * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--larder", default="target/release/larder")
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("n", type=int, nargs="*", default=[8, 100, 1000])
    args = parser.parse_args()
    larder, ninja = str(Path(args.larder).resolve()), shutil.which("ninja") or sys.exit("ninja is not installed")
    print("| subsystems | larder ensure all (ms) | ninja (ms) | ratio | larder --version (ms) |\n|---|---|---|---|---|")
    for n in args.n:
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder)
            env = {"PATH": os.environ["PATH"], "HOME": folder, "LARDER_CACHE_DIR": str(base / "cache")}
            (base / "larder").mkdir()
            (base / "ninja").mkdir()
            larder_project(base / "larder", n)
            ninja_project(base / "ninja", n)
            commands = {
                "larder": ([larder, "ensure", "all"], base / "larder"),
                "ninja": ([ninja], base / "ninja"),
                "version": ([larder, "--version"], base / "larder"),
            }
            for command, cwd in commands.values():
                once(command, cwd, env)
            time.sleep(1.1)  # larder reads a file again if it is not older than its record, so wait for the clock
            for command, cwd in commands.values():
                once(command, cwd, env)
                once(command, cwd, env)
            times = {name: [] for name in commands}
            for _ in range(args.runs):
                for name, (command, cwd) in commands.items():
                    times[name].append(once(command, cwd, env))
            a, b, v = (statistics.median(times[name]) for name in ("larder", "ninja", "version"))
            print(f"| {n:,} | {a:.1f} | {b:.1f} | {a / b:.2f} | {v:.1f} |", flush=True)


if __name__ == "__main__":
    main()
