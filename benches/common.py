"""What the benches share: options, the description of the machine, runs that take turns, and tables.

Every figure is the median of runs in which the programs take turns, after one turn that is not counted. A figure is marked with `~` when
its runs differ much: the middle half of them is spread over more than a sixth of the median. Only ratios of one run of a bench count.
"""
import argparse
import contextlib
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
HOST = f"{platform.system().lower()}-{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }"
# Wider than this share of the median, the middle half of the runs makes a figure noisy.
NOISY = 1 / 6
# Flags of the processor that decide how fast hashing and compressing is.
FLAGS = ("sha_ni", "avx2", "avx512f", "vaes", "vpclmulqdq", "sha2", "pmull")
# Programs that larder is compared with. An option of the name gives the path of one that is not on PATH.
PEERS = ("ninja", "n2", "go-task", "just", "make")


def options(runs, peers=(), **defaults):
    """The options that all benches have: --larder, --runs, --json, and the path of each peer."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--larder", default=str(REPO / "target/release/larder"))
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    for peer in peers:
        parser.add_argument(f"--{peer}", metavar="PATH", help=f"default: {peer} on PATH")
    parser.set_defaults(**defaults)
    return parser


def parse(parser):
    """The arguments; the path of larder is absolute."""
    args = parser.parse_args()
    args.larder = str(Path(args.larder).resolve())
    if not os.access(args.larder, os.X_OK):
        sys.exit(f"{args.larder} does not exist; `cargo build --locked --release --bin larder` makes it")
    return args


def find_peers(args, names):
    """The path of each peer that is there; the others are named on stderr and left out."""
    found = {}
    for name in names:
        given = getattr(args, name.replace("-", "_"), None)
        path = str(Path(given).resolve()) if given else shutil.which(name)
        if path and os.access(path, os.X_OK):
            found[name] = path
        else:
            print(f"{name} is not installed{f' at {given}' if given else ''}, so it is left out", file=sys.stderr)
    return found


def first_line(command):
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=20)
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        return lines[0] if lines else ""
    return ""


def read(path):
    with contextlib.suppress(OSError):
        return Path(path).read_text()
    return ""


def file_system(folder):
    """The type and the options of the file system of a folder."""
    best = ("", "unknown")
    for line in read("/proc/self/mounts").splitlines():
        _, where, kind, mount = line.split()[:4]
        where = where.encode().decode("unicode_escape")
        if Path(folder).is_relative_to(where) and len(where) >= len(best[0]):
            best = (where, f"{kind} ({mount})")
    return best[1]


def load():
    return round(os.getloadavg()[0], 2)


def machine(folder, larder=None, peers=None):
    """What a reader has to know about the machine, as pairs."""
    cpu = read("/proc/cpuinfo")
    model = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", cpu, re.M)
    flags = set((re.search(r"^(?:flags|Features)\s*:\s*(.+)$", cpu, re.M) or [None, ""])[1].split())
    memory = re.search(r"MemTotal:\s+(\d+)", read("/proc/meminfo"))
    facts = {
        "processor": (model[1] if model else platform.processor()) + f", {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores",
        "flags": " ".join(flag for flag in FLAGS if flag in flags) + ("" if flags & {"sha_ni", "sha2"} else " (no SHA instructions)"),
        "memory": f"{int(memory[1]) / 1e6:.0f} GB" if memory else "unknown",
        "kernel": f"{platform.system()} {platform.release()}, {platform.libc_ver()[0]} {platform.libc_ver()[1]}",
        "file system": file_system(folder),
        "load": f"{load()} at the start",
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }
    if larder:
        facts["larder"] = f"{first_line([larder, '--version'])}, {Path(larder).stat().st_size / 1e6:.1f} MB"
    for name, path in (peers or {}).items():
        facts[name] = first_line([path, "--version"])
    return facts


def interleaved(commands, runs, measure):
    """Lets the commands take turns, every second turn in reverse order. Returns the figures of each; the first turn is not counted."""
    figures = {name: [] for name in commands}
    order = list(commands.items())
    for turn in range(runs + 1):
        for name, command in order if turn % 2 == 0 else order[::-1]:
            figure = measure(name, command)
            if turn > 0:
                figures[name].append(figure)
    return figures


def spread(values):
    """How wide the middle half of the values is, as a share of the median."""
    if len(values) < 3:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / statistics.median(values)


class Rows:
    """The rows of a bench: larder's figure, and those of the peers that were measured in the same run. Notes come below the table."""

    def __init__(self, unit):
        self.unit, self.rows, self.notes = unit, [], []

    def add(self, work, figures, ratios=None, unit=None):
        """Adds a row. The peers of `ratios` are compared with larder; without it, all of them."""
        medians = {name: statistics.median(values) for name, values in figures.items()}
        compared = [name for name in medians if name != "larder" and (ratios is None or name in ratios)]
        self.rows.append({
            "work": work,
            "unit": unit or self.unit,
            "medians": {name: round(value, 4) for name, value in medians.items()},
            "ratios": {name: round(medians["larder"] / medians[name], 3) for name in compared},
            "noisy": sorted(name for name, values in figures.items() if spread(values) > NOISY),
        })

    def show(self, args, facts):
        if args.json:
            print(json.dumps({"machine": facts, "rows": self.rows, "notes": self.notes, "load": load()}, indent=1))
            return
        show_machine(facts)
        show_rows(self.rows)
        for note in self.notes:
            print(f"\n{note}")


def show_rows(rows, goal=None):
    """The table of all figures. `goal` gets the work, the peer and the ratio, and returns the text of the last column."""
    heads = ["work", "larder", "compared with", "its figure", "ratio", *(["goal"] if goal else [])]
    lines = []
    for row in rows:
        marked = {name: figure(value) + "~" * (name in row["noisy"]) for name, value in row["medians"].items()}
        ours = f"{marked.pop('larder')} {row['unit']}"
        for name, theirs in marked.items():
            ratio = row["ratios"].get(name)
            lines.append([row["work"], ours, name, theirs, figure(ratio, 2), *([goal(row["work"], name, ratio)] if goal else [])])
    print(table(heads, lines))
    if any("~" in cell for line in lines for cell in line):
        print("\n~ the middle half of these runs differs by more than a sixth: measure again on an idle machine")


def figure(value, digits=None):
    if value is None:
        return "–"
    if digits is None:
        digits = 0 if value >= 1000 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def table(heads, lines):
    """A table of Markdown: the first column is text, the others are numbers."""
    rows = [heads, ["---", *["---:"] * (len(heads) - 1)], *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def show_machine(facts):
    for name, value in facts.items():
        print(f"- {name}: {value}")
    print()


def exponent(points):
    """The exponent of a power of N that fits (N, value) best: least squares of the logarithms."""
    points = [(math.log(n), math.log(value)) for n, value in points if value > 0]
    if len(points) < 2:
        return None
    mean_x, mean_y = (statistics.fmean(column) for column in zip(*points))
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def run(command, cwd, env):
    """Runs a command that has to succeed. Returns the seconds it took."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stdout.decode(errors='replace')}")
    return seconds


def floor_program(folder):
    """Compiles benches/floor.c into a folder."""
    program = Path(folder) / "floor"
    if not program.exists():
        compiler = os.environ.get("CC") or shutil.which("cc") or sys.exit("a C compiler (cc) is not installed")
        subprocess.run([compiler, "-O2", "-pthread", "-o", program, REPO / "benches/floor.c"], check=True)
    return str(program)


def quiet(floor, command, cwd, env, may_fail=False):
    """Runs a command that takes milliseconds, with the program of `floor_program`. Returns milliseconds and the peak of its memory in MB."""
    done = subprocess.run([floor, "run", *command], cwd=cwd, env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    if done.returncode != 0 and not may_fail:
        sys.exit(f"{' '.join(map(str, command))} in {cwd} ended with {done.returncode}")
    millis, kilobytes = done.stdout.split()
    return float(millis), int(kilobytes) / 1000


@contextlib.contextmanager
def workshop(parent=None):
    """A temporary folder with an empty `site`, and an environment in which larder keeps all its files in that folder."""
    with tempfile.TemporaryDirectory(prefix="larder-bench-", dir=parent) as folder:
        base = Path(folder)
        (base / "site").mkdir()
        yield base, environment(base)


def environment(base):
    return {"PATH": os.environ["PATH"], "HOME": str(base), "LARDER_CACHE_DIR": str(base / "cache"), "TMPDIR": str(base)}


RECIPE = """binaries: [{0}]
build:
  source: {{dir: .}}
  commands: ["cp {0}.sh {{{{ out }}}}/{0}"]
"""


def larder_project(root, n):
    """A project of N subsystems, each built by one trivial command from a folder with one file."""
    names = [f"tool{i:05}" for i in range(n)]
    lines = "".join(f"  {name}: v1.0.0\n" for name in names)
    (root / "versions.yml").write_text("versions:\n" + lines + "upload: never\n")
    for name in names:
        folder = root / "subsystems" / name
        folder.mkdir(parents=True)
        (folder / "recipe.yml").write_text(RECIPE.format(name))
        (folder / f"{name}.sh").write_text(f"#!/bin/sh\necho {name} v1.0.0\n")
    return names


def ninja_project(root, n, then=""):
    """The same for ninja and n2: one source, one binary and one stamp per target. `then` is the end of each command."""
    rules = [f"rule make\n  command = cp $in $binary && echo v1.0.0 > $out{then}\n"]
    for i in range(n):
        folder = root / f"t{i:05}"
        folder.mkdir()
        (folder / "source").write_text(f"#!/bin/sh\necho {i}\n")
        rules.append(f"build t{i:05}/stamp | t{i:05}/binary: make t{i:05}/source\n  binary = t{i:05}/binary\n")
    (root / "build.ninja").write_text("".join(rules))
