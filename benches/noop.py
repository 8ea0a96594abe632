#!/usr/bin/env python3
"""Compares runs of larder, ninja and others that have nothing to do: N subsystems, all up to date, medians of interleaved runs.

usage: python3 benches/noop.py [--larder target/release/larder] [--runs 31] [--n2 PATH] [--go-task PATH] [--json] [N ...]
       (default N: 8 1000 10000)

Each checks that N outputs are up to date with their inputs. ninja and n2 read the same build.ninja, with one source, one binary and one stamp
per target, and make has the same rules; larder has a recipe, a source folder, a binary and a stamp per subsystem. go-task and just run a shell
for each target, so they only run with 1,000 at most. A peer that is not there is left out.

`floor` is a C program that reads the metadata of four files per subsystem of larder's project (recipe, source, pivot and binary), relative to
the handle of a folder, on one and on two threads. The machine's noise affects all of them, so use the ratios.
"""
import time

from common import Rows, find_peers, floor_program, interleaved, larder_project, machine, ninja_project, options, parse, quiet, workshop

PEERS = ("ninja", "n2", "make", "go-task", "just")
# These need about a millisecond for each target.
SLOW = ("go-task", "just")


def make_projects(base, n, peers):
    """A folder for larder and for each peer. Returns the commands."""
    names = larder_project(folder(base, "larder"), n)
    for peer in ("ninja", "n2", "make"):
        if peer in peers:
            ninja_project(folder(base, peer), n)
    targets = [f"t{i:05}" for i in range(n)]
    if "make" in peers:
        rules = "".join(f"{t}/stamp: {t}/source\n\t@cp $< {t}/binary && echo v1.0.0 > $@\n" for t in targets)
        stamps = " ".join(f"{t}/stamp" for t in targets)
        (base / "make" / "Makefile").write_text(f"all: {stamps}\n{rules}")
    command = 'cp {0}/source {0}/binary && echo v1.0.0 > {0}/stamp'
    for peer in SLOW:
        if peer in peers:
            ninja_project(folder(base, peer), n)
    if "go-task" in peers:
        tasks = "".join(
            f"  {t}:\n    status: ['test -f {t}/binary', 'grep -q v1.0.0 {t}/stamp']\n    cmds: ['{command.format(t)}']\n" for t in targets)
        needs = "".join(f"      - {t}\n" for t in targets)
        (base / "go-task" / "Taskfile.yml").write_text(f"version: '3'\nsilent: true\ntasks:\n  default:\n    deps:\n{needs}{tasks}")
    if "just" in peers:
        recipes = "".join(f"{t}:\n  @test -f {t}/binary && grep -q v1.0.0 {t}/stamp || {{ {command.format(t)}; }}\n" for t in targets)
        (base / "just" / "justfile").write_text(f"all: {' '.join(targets)}\n{recipes}")
    return names


def folder(base, name):
    made = base / name
    made.mkdir(exist_ok=True)
    return made


def floor_list(base, names):
    """The file with the paths that the floor reads, relative to the folder of the subsystems."""
    paths = []
    for name in names:
        bin = base / "larder/subsystems" / name / ".bin"
        paths += [f"{name}/recipe.yml", f"{name}/{name}.sh", f"{name}/.bin/.v/current",
                  f"{name}/.bin/.v/{(bin / '.v/current').readlink()}/{name}"]
    listed = base / "list"
    listed.write_text("".join(path + "\n" for path in paths))
    return listed


def measure(larder, n, runs, peers):
    """The figures of each program in milliseconds."""
    peers = {name: path for name, path in peers.items() if name not in SLOW or n <= 1000}
    with workshop() as (base, env):
        floor = floor_program(base)
        names = make_projects(base, n, peers)
        commands = {"larder": ([larder, "ensure", "all"], base / "larder")}
        arguments = {"n2": ["stamps"], "make": ["-rR"], "go-task": ["--taskfile", "Taskfile.yml"]}
        commands |= {name: ([path, *arguments.get(name, [])], base / name) for name, path in peers.items()}
        if "n2" in peers:
            # n2 has no default of "everything", so it gets a name for everything; ninja gets the same file.
            everything = "build stamps: phony " + " ".join(f"t{i:05}/stamp" for i in range(n)) + "\ndefault stamps\n"
            for peer in ("n2", "ninja"):
                if peer in peers:
                    with (base / peer / "build.ninja").open("a") as file:
                        file.write(everything)
        for name, (command, cwd) in commands.items():
            quiet(floor, command, cwd, env)
        time.sleep(1.1)  # larder reads a file again if it is not older than its record, so wait for the clock
        for name, (command, cwd) in commands.items():
            quiet(floor, command, cwd, env)
        listed = floor_list(base, names)
        for threads in (1, 2):
            commands[f"floor, {threads} thread{'s' if threads > 1 else ''}"] = (
                [floor, "stat", str(base / "larder/subsystems"), str(listed), str(threads)], base)
        commands["larder --version"] = ([larder, "--version"], base)
        return interleaved(commands, runs, lambda _, command: quiet(floor, command[0], command[1], env)[0])


def main():
    parser = options(31, PEERS)
    parser.add_argument("n", type=int, nargs="*", default=[8, 1000, 10_000])
    args = parse(parser)
    peers = find_peers(args, PEERS)
    rows = Rows("ms")
    with workshop() as (base, _):
        facts = machine(base, args.larder, peers)
    for n in args.n:
        figures = measure(args.larder, n, args.runs if n < 10_000 else max(5, args.runs // 3), peers)
        rows.add(f"nothing to do, {n:,}", figures, ratios=[name for name in figures if name != "larder --version"])
    rows.show(args, facts)


if __name__ == "__main__":
    main()
