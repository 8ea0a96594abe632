#!/usr/bin/env python3
"""How larder's time and memory grow with the number of subsystems.

usage: python3 benches/growth.py [--larder target/release/larder] [--runs 5] [--limit 120] [--json] [N ...]     (default N: 10 100 1000 10000)

    first build   ensure all                        nothing installed, empty cache; measured once
    nothing to do ensure all                        by the recorded state
    full check    ensure all --locked               every project file is loaded, every stamp read
    load and plan graph --format json               the project is loaded and planned, nothing is read of what is installed
    status, list  status, list                      what is installed, what is there

Each has the wall time in milliseconds and the peak of the memory in MB. Both are fitted to a power of N with least squares of the logarithms,
after the figure of the smallest N was subtracted (the start of the program), and `last` is the exponent from the last but one size to the last.
What grows with more than N^1.15 there is called superlinear. A size is left out for a command if its time would exceed --limit seconds, as the
sizes before let expect. `load and plan` and `list` need nothing installed, so they also have the sizes whose first build was left out.
"""
import json
import shutil
import statistics
import time

from common import exponent, figure, floor_program, larder_project, load, machine, options, parse, quiet, show_machine, table, workshop

LINEAR = 1.15
COMMANDS = {
    "nothing to do": ["ensure", "all"],
    "full check": ["ensure", "all", "--locked"],
    "load and plan": ["graph", "--format", "json"],
    "status": ["status"],
    "list": ["list"],
}
# What needs nothing that is installed.
LOADING = ("load and plan", "list")


class Growth:
    """The figures of each command: (N, milliseconds, MB)."""

    def __init__(self):
        self.figures = {name: [] for name in ("first build", *COMMANDS)}

    def add(self, name, n, times):
        millis = statistics.median(time for time, _ in times)
        self.figures[name].append((n, millis, max(memory for _, memory in times)))

    def expected(self, name, n):
        """The seconds that a command would take for N, as the last two sizes let expect."""
        known = self.figures[name]
        if not known:
            return 0
        growth = max(1, exponent([point[:2] for point in known[-2:]]) or 1)
        return known[-1][1] / 1000 * (n / known[-1][0]) ** growth

    def rows(self):
        rows = []
        for name, points in self.figures.items():
            for unit, column in (("ms", 1), ("MB", 2)):
                series = [(point[0], point[column]) for point in points]
                base = series[0][1] if series else 0
                grown = [(n, value - base) for n, value in series[1:]]
                fitted = exponent(grown) if len(grown) > 1 else None
                last = exponent(grown[-2:]) if len(grown) > 1 else None
                rows.append({"work": name, "unit": unit, "series": series, "exponent": fitted, "last": last,
                             "superlinear": bool(last and last > LINEAR and grown[-1][0] >= 1000)})
        return rows


def measure(growth, args, n, floor, base, env):
    project = base / f"p{n}"
    project.mkdir()
    larder_project(project, n)

    def times(command, runs):
        return [quiet(floor, [args.larder, *command], project, env) for _ in range(runs)]

    is_built = growth.expected("first build", n) <= args.limit
    if is_built:
        growth.add("first build", n, times(["ensure", "all"], 1))
        time.sleep(1.1)  # larder reads a file again if it is not older than its record, so wait for the clock
        quiet(floor, [args.larder, "ensure", "all"], project, env)
    for name, command in COMMANDS.items():
        if (is_built or name in LOADING) and growth.expected(name, n) <= args.limit:
            growth.add(name, n, times(command, args.runs if n < 10_000 else min(args.runs, 3)))
    shutil.rmtree(project)
    shutil.rmtree(base / "cache", ignore_errors=True)


def text(rows, sizes):
    lines = []
    for row in rows:
        series = dict(row["series"])
        lines.append([row["work"], row["unit"], *(figure(series.get(n)) for n in sizes), figure(row["exponent"], 2),
                      figure(row["last"], 2) + (" superlinear" if row["superlinear"] else "")])
    slow = [f"{row['work']} ({row['unit']}, N^{row['last']:.2f})" for row in rows if row["superlinear"]]
    made = table(["what", "unit", *(f"{n:,}" for n in sizes), "exponent", "last"], lines)
    return f"{made}\n\nsuperlinear: {', '.join(slow) if slow else 'nothing'}"


def main():
    parser = options(5)
    parser.add_argument("--limit", type=float, default=120, help="seconds that one command may take")
    parser.add_argument("n", type=int, nargs="*", default=[10, 100, 1000, 10_000])
    args = parse(parser)
    growth = Growth()
    with workshop() as (base, env):
        facts, floor = machine(base, args.larder), floor_program(base)
        for n in sorted(args.n):
            measure(growth, args, n, floor, base, env)
    rows = growth.rows()
    made = text(rows, sorted(args.n))
    if args.json:
        medians = [row | {"medians": {"larder": row["series"][-1][1]}, "ratios": {}, "noisy": []} for row in rows if row["series"]]
        print(json.dumps({"machine": facts, "rows": medians, "notes": [made], "load": load()}, indent=1))
        return
    show_machine(facts)
    print(made)


if __name__ == "__main__":
    main()
