#!/usr/bin/env python3
"""Simulates a day of a large organisation: what its hubs are asked, what that costs, and which limit is reached first.

    python3 benches/scale.py                       prints the tables of docs/scale.md
    python3 benches/scale.py --machines 50000      the same with other numbers
    python3 benches/scale.py --write docs/scale.md puts the tables into the page, and the diagram beside it
    python3 benches/scale.py --check docs/scale.md fails if the page has other tables

How many requests an operation makes, the limits, the prices and the assumptions are in benches/scale.json, with their sources. The
requests are measured: the test `release::requests` compares them with what larder does. The day is random, always with the same
seed, so the same numbers give the same tables.
"""
import argparse
import bisect
import itertools
import json
import math
import random
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = json.loads((HERE / "scale.json").read_text())
ASSUMED = {key: entry["value"] for key, entry in DATA["assumptions"].items()}
MB = 1_000_000
# Of a day's work, the share of each hour from 0 to 23: an organisation with offices in Europe and America.
HOURS = [1, 1, 1, 1, 1, 2, 4, 8, 12, 13, 12, 9, 9, 12, 13, 13, 12, 10, 7, 5, 4, 3, 2, 1]


@dataclass
class Day:
    """What happened on the simulated day, by hour."""

    bumps: list = field(default_factory=lambda: [0] * 24)
    wanted: int = 0
    machine_downloads: list = field(default_factory=lambda: [0] * 24)
    ci_downloads: list = field(default_factory=lambda: [0] * 24)
    runs: int = 0
    # Runs that downloaded something: all, and those of CI in the busiest hour.
    downloading_runs: int = 0
    ci_downloading: list = field(default_factory=lambda: [0] * 24)
    ci_runs: list = field(default_factory=lambda: [0] * 24)
    # Of one repository in one hour, the most: runs of CI that download with their downloads, and bumps.
    busiest: tuple = (0, 0)
    busiest_bumps: int = 0

    @property
    def downloads(self):
        return sum(self.machine_downloads) + sum(self.ci_downloads)

    @property
    def peak(self):
        """Downloads in the busiest hour."""
        return max(m + c for m, c in zip(self.machine_downloads, self.ci_downloads))


def popularity(count):
    """Cumulative shares of repositories: the n-th is used 1/sqrt(n) as often as the first."""
    return list(itertools.accumulate(1 / math.sqrt(n) for n in range(1, count + 1)))


def simulate(p):
    rng = random.Random(p["seed"])
    repositories, hours = popularity(p["repositories"]), list(itertools.accumulate(HOURS))

    def pick(shares):
        return bisect.bisect_left(shares, rng.random() * shares[-1])

    day = Day()
    bumps = [[] for _ in range(p["repositories"])]
    for _ in range(p["bumps"]):
        hour, repository = pick(hours), pick(repositories)
        day.bumps[hour] += 1
        bumps[repository].append((hour + rng.random(), int(rng.random() * p["subsystems"])))
    for _ in range(p["machines"]):
        uses = [pick(repositories) for _ in range(p["repositories_per_machine"])]
        runs = sorted(pick(hours) + rng.random() for _ in range(p["runs_per_machine"]))
        seen = {}
        for time in runs:
            repository = uses[int(rng.random() * len(uses))]
            day.runs += 1
            day.wanted += p["subsystems"]
            since = seen.get(repository, 0.0)
            new = {name for at, name in bumps[repository] if since <= at < time}
            day.machine_downloads[int(time)] += len(new)
            day.downloading_runs += bool(new)
            seen[repository] = time
    by_repository = {}
    for _ in range(p["ci_runs"]):
        hour, repository = pick(hours), pick(repositories)
        day.ci_runs[hour] += 1
        day.wanted += p["subsystems"]
        # A runner that keeps its cache has everything but what was bumped in the last hour.
        if rng.random() < p["fresh_runners"]:
            new = p["subsystems"]
        else:
            new = len({name for at, name in bumps[repository] if int(at) == hour})
        day.ci_downloads[hour] += new
        day.downloading_runs += bool(new)
        day.ci_downloading[hour] += bool(new)
        runs, downloads = by_repository.get((repository, hour), (0, 0))
        by_repository[repository, hour] = (runs + bool(new), downloads + new)
    day.busiest = max(by_repository.values(), key=lambda of: of[1], default=(0, 0))
    by_hour = [[int(at) for at, _ in of] for of in bumps]
    day.busiest_bumps = max((of.count(hour) for of in by_hour for hour in set(of)), default=0)
    return day


def requests(hub, operation, kind):
    return DATA["measured"][hub][operation][kind]


def downloading(runs, downloads, hub):
    """Requests of the API of GitHub for downloads: some once in a run, the others for each asset."""
    one, two = requests(hub, "ensure_locked", "api"), requests(hub, "ensure_locked_two", "api")
    return runs * max(2 * one - two, 0) + downloads * (two - one)


def release(hub, kind, p):
    """Requests of a bump: one release with an asset for each platform, each released by a job of its own."""
    return requests(hub, "release_first", kind) + (p["platforms"] - 1) * requests(hub, "release_next", kind)


def pages(releases):
    return max(1, math.ceil(releases / 100))


@dataclass
class Hub:
    """The requests of a day that count for one kind of hub: the part that has limits or a price."""

    name: str
    reads: int
    writes: int
    note: str


def hubs(p, day):
    bumps, downloads = sum(day.bumps), day.downloads
    listed = 2 * p["platforms"] + 2
    result = []
    for hub, name in (("github_public", "GitHub, public"), ("github_private", "GitHub, private")):
        api = bumps * (release(hub, "api", p) + requests(hub, "plan", "api")) + downloading(day.downloading_runs, downloads, hub)
        writes = bumps * release(hub, "writes", p)
        result.append(Hub(name, api - writes, writes, "requests of the API"))
    cells = p["subsystems"] * p["platforms"]
    for hub, name in (("s3", "S3"), ("oci", "OCI")):
        # A plan lists the objects of a project, and reads what the list does not tell about each target.
        plan = requests(hub, "plan_per_target", "reads") * cells
        lists = math.ceil(p["subsystems"] * listed / 1000)
        reads = bumps * (release(hub, "reads", p) + plan) + downloads * requests(hub, "ensure_locked", "reads")
        writes = bumps * (release(hub, "writes", p) + lists)
        result.append(Hub(name, reads, writes, "all requests"))
    assets = bumps * p["platforms"]
    behind = min(downloads, assets * p["servers"])
    result.append(Hub("any, behind `larder serve`", behind * 2, 0, "downloads from the hub; writes are those of the hub"))
    return result


def cost(p, day):
    """USD of 30 such days: requests, egress, and storage of a year's assets."""
    prices = {key: entry["value"] for key, entry in DATA["prices"].items()}
    by_name = {hub.name: hub for hub in hubs(p, day)}
    gigabytes = day.downloads * p["asset_mb"] * MB / 1e9 * 30
    stored = sum(day.bumps) * p["platforms"] * p["asset_mb"] * MB / 1e9 * p["kept_days"]
    rows = []
    for name, key, egress in (
        ("GitHub Releases", None, 0.0),
        ("S3, readers in its region", "s3", 0.0),
        ("S3, readers elsewhere", "s3", prices["s3_egress_gb"]),
        ("S3-compatible without egress fees (R2)", "r2", 0.0),
        ("OCI (ECR), readers in its region", "ecr", 0.0),
        ("OCI (ECR), readers elsewhere", "ecr", prices["ecr_egress_gb"]),
    ):
        if key is None:
            rows.append((name, 0.0, 0.0, 0.0))
            continue
        hub = by_name["OCI" if key == "ecr" else "S3"]
        asked = 30 * (hub.reads * prices.get(f"{key}_read", 0) + hub.writes * prices.get(f"{key}_write", 0)) / 1e6
        rows.append((name, asked, gigabytes * egress, stored * prices[f"{key}_storage_gb_month"]))
    return rows, gigabytes, stored


def limits(p, day):
    """(limit, what it is about, used in the busiest hour or second, allowed), for each known limit."""
    allowed = {key: entry["value"] for key, entry in DATA["limits"].items()}
    peak_bumps, peak_downloads = max(day.bumps), day.peak
    cells, minutes = peak_bumps * p["platforms"], p["job_minutes"]
    hosted = max(day.ci_runs) * p["fresh_runners"] * p["ci_minutes"]
    jobs = (cells * (minutes + p["release_minutes"]) + hosted) / 60
    all_ci = downloading(max(day.ci_downloading), max(day.ci_downloads), "github_private")
    macs = 2 / 6
    hub_releases = sum(day.bumps) * p["kept_days"]
    public, private = "github_public", "github_private"
    of_bump = release(public, "api", p)
    second = 1 / 3600
    rows = [
        ("GitHub: macOS jobs at once, Team", cells * macs * minutes / 60, allowed["macos_jobs_team"]),
        ("GitHub: macOS jobs at once, Enterprise", cells * macs * minutes / 60, allowed["macos_jobs_enterprise"]),
        ("GitHub: jobs at once, Team", jobs, allowed["jobs_team"]),
        ("GitHub: jobs at once, Enterprise", jobs, allowed["jobs_enterprise"]),
        ("GitHub: writes an hour, one hub for all", peak_bumps * release(public, "writes", p), allowed["writes_hour"]),
        ("GitHub: writes an hour, a hub for each repository", day.busiest_bumps * release(public, "writes", p), allowed["writes_hour"]),
        (
            "GitHub: requests of a repository's token an hour, one hub for all, a month old",
            peak_bumps * (of_bump + pages(sum(day.bumps) * 30)),
            allowed["repository_token_hour"],
        ),
        (
            "GitHub: requests of a repository's token an hour, a hub for each, public",
            day.busiest_bumps * (of_bump + requests(public, "plan", "api")) + downloading(*day.busiest, public),
            allowed["repository_token_hour"],
        ),
        (
            "GitHub: requests of a repository's token an hour, a hub for each, private",
            day.busiest_bumps * (of_bump + requests(private, "plan", "api")) + downloading(*day.busiest, private),
            allowed["repository_token_hour"],
        ),
        ("GitHub: one person's token for all CI, private", all_ci, allowed["user_token_hour"]),
        ("GitHub: an app's token for all CI, private", all_ci, allowed["app_token_hour"]),
        ("GitHub: releases that a list shows, one hub for all, a year old", hub_releases, allowed["listed_releases"]),
        ("GitHub: releases that a list shows, a hub for each, a year old", hub_releases / p["repositories"], allowed["listed_releases"]),
        ("S3: reads a second and prefix", peak_downloads * requests("s3", "ensure_locked", "reads") * second, allowed["s3_reads_second"]),
        ("S3: writes a second and prefix", peak_bumps * release("s3", "writes", p) * second, allowed["s3_writes_second"]),
        ("OCI (ECR): manifests read a second, without locks", peak_downloads * requests("oci", "ensure_unlocked", "reads") / 2 * second, allowed["ecr_manifests_second"]),
        ("OCI: a registry's pulls an hour, one free account", peak_downloads, allowed["registry_pulls_hour"]),
        ("One `larder serve`: MB a second", peak_downloads * p["asset_mb"] * second, allowed["serve_mb_second"]),
    ]
    return sorted(rows, key=lambda row: row[2] / max(row[1], 1e-9))


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def table(head, rows):
    numbers = re.compile(r"[\d.,]+( |$)|-$")
    marks = ["---:" if n and all(numbers.match(str(row[n])) for row in rows) else "---" for n in range(len(head))]
    lines = [head, marks, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def tables(p):
    """The tables by name, and the limits for the diagram."""
    day = simulate(p)
    made = {}
    made["assumptions"] = table(
        ["assumption", "value", "why"],
        [(entry["what"], f"{p[key]:,}", entry["source"]) for key, entry in DATA["assumptions"].items() if key != "seed"],
    )
    kinds = {"github_public": "GitHub, public", "github_private": "GitHub, private", "http": "HTTP", "s3": "S3", "oci": "OCI"}
    words = {
        "ensure_again": "`ensure`, nothing to do",
        "ensure_locked": "`ensure` of one asset, with a lock",
        "ensure_locked_two": "`ensure` of two assets, with a lock",
        "ensure_unlocked": "`ensure` of one asset, without",
        "status": "`release status`, up to 100 releases",
        "plan": "`plan --matrix`, up to 100 releases",
        "release_first": "`release`, the first platform",
        "release_next": "`release`, a further platform",
        "release_again": "`release`, already there",
        "stage_first": "`release --stage`, the first platform",
        "stage_next": "`release --stage`, a further platform",
        "finalize": "`release finalize`",
    }

    def cell(hub, operation):
        counts = DATA["measured"][hub].get(operation)
        if counts is None:
            return "-"
        if "get" in counts:
            return str(counts["get"])
        if "reads" in counts:
            return f"{counts['reads']} + {counts['writes']}" if counts["writes"] else str(counts["reads"])
        api, writes, other = counts["api"], counts["writes"], counts["other"]
        shown = f"{api - writes} + {writes}" if writes else str(api)
        return f"{shown} ({other})" if other else shown

    made["operations"] = table(
        ["operation", *kinds.values()],
        [(text, *(cell(hub, operation) for hub in kinds)) for operation, text in words.items()],
    )
    hits = day.wanted - day.downloads
    made["day"] = table(
        ["of the day", ""],
        [
            ("runs of `ensure` on machines", f"{day.runs:,}"),
            ("runs of CI", f"{sum(day.ci_runs):,}"),
            ("targets that these runs want", f"{day.wanted:,}"),
            ("of these up to date or in the local cache", f"{hits:,} ({100 * hits / day.wanted:.1f} %)"),
            ("downloads, machines", f"{sum(day.machine_downloads):,}"),
            ("downloads, CI", f"{sum(day.ci_downloads):,}"),
            ("downloads in the busiest hour", f"{day.peak:,}"),
            ("bytes downloaded", f"{day.downloads * p['asset_mb'] / 1e6:.2f} TB"),
            ("targets built and released", f"{sum(day.bumps) * p['platforms']:,}"),
            ("bytes uploaded", f"{sum(day.bumps) * p['platforms'] * p['asset_mb'] / 1e3:.1f} GB"),
        ],
    )
    made["sensitivity"] = table(
        ["if", "found locally", "downloads", "in the busiest hour", "TB a day"],
        [
            (text, f"{100 - 100 * of.downloads / of.wanted:.1f} %", f"{of.downloads:,}", f"{of.peak:,}", f"{of.downloads * p['asset_mb'] / 1e6:.2f}")
            for text, of in (
                ("as assumed", day),
                ("every CI runner keeps its cache", simulate({**p, "fresh_runners": 0.0})),
                ("every CI runner begins empty", simulate({**p, "fresh_runners": 1.0})),
                ("ten times the bumps", simulate({**p, "bumps": 10 * p["bumps"]})),
                ("ten times the CI runs", simulate({**p, "ci_runs": 10 * p["ci_runs"]})),
                ("ten times the machines", simulate({**p, "machines": 10 * p["machines"]})),
            )
        ],
    )
    made["hubs"] = table(
        ["hub", "reads a day", "writes a day", "what is counted"],
        [(hub.name, f"{hub.reads:,}", f"{hub.writes:,}", hub.note) for hub in hubs(p, day)],
    )
    rows, gigabytes, stored = cost(p, day)
    made["cost"] = table(
        ["hub", "requests", f"egress of {gigabytes / 1000:,.1f} TB", f"storage of {stored / 1000:,.1f} TB", "USD a month"],
        [(name, f"{a:,.0f}", f"{b:,.0f}", f"{c:,.0f}", f"{a + b + c:,.0f}") for name, a, b, c in rows],
    )
    found = limits(p, day)
    made["limits"] = table(
        ["limit", "used", "allowed", "reached at"],
        [(name, number(used), f"{most:,}", f"{number(most / used)} × this load" if used else "-") for name, used, most in found],
    )
    made["parameters"] = table(
        ["limit or price", "value", "source"],
        [(entry["what"], f"{entry['value']:,}", entry["source"]) for part in ("limits", "prices") for entry in DATA[part].values()],
    )
    return made, found


def drawing(found):
    """A bar for each limit, as long as the factor at which it is reached, on a logarithmic scale from 0.1 to 10,000."""
    left, width, line = 490, 460, 24

    def x(factor):
        return left + width * (math.log10(min(max(factor, 0.1), 10_000)) + 1) / 5

    height = line * len(found) + 70
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {height}" font-family="sans-serif" font-size="12">',
        "<title>How much the load can grow until a limit is reached</title>",
        f'<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for power in range(-1, 5):
        at = x(10.0**power)
        out.append(f'<line x1="{at:.0f}" y1="30" x2="{at:.0f}" y2="{height - 34}" stroke="{"#b00" if power == 0 else "#ddd"}"/>')
        out.append(f'<text x="{at:.0f}" y="{height - 16}" text-anchor="middle" fill="#333">{10.0**power:,g} ×</text>')
    out.append('<text x="10" y="18" fill="#333">How much the load can grow until a limit is reached; left of the red line it is reached already</text>')
    for n, (name, used, most) in enumerate(found):
        factor, y = most / max(used, 1e-9), 40 + n * line
        colour = "#c0392b" if factor < 1 else "#e08e0b" if factor < 10 else "#2e7d5b"
        text = name.replace("`", "").replace("&", "&amp;").replace("<", "&lt;")
        start, end = sorted((x(1), x(factor)))
        out.append(f'<text x="{left - 24}" y="{y + 12}" text-anchor="end" fill="#111" font-size="11">{text}</text>')
        out.append(f'<rect x="{start:.0f}" y="{y}" width="{max(end - start, 1):.0f}" height="{line - 8}" fill="{colour}"/>')
        out.append(f'<text x="{end + 4:.0f}" y="{y + 12}" fill="#111" font-size="11">{number(factor)}</text>')
    return "\n".join([*out, "</svg>", ""])


def filled(page, made):
    """The page with these tables between their marks."""

    def put(match):
        return f"{match[1]}\n{made[match[2]]}{match[3]}"

    text, count = re.subn(r"(<!-- scale: (\w+) -->)\n.*?(<!-- end -->)", put, page, flags=re.S)
    missing = set(made) - set(re.findall(r"<!-- scale: (\w+) -->", page))
    if missing or not count:
        sys.exit(f"the page has no place for {', '.join(sorted(missing)) or 'any table'}")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", metavar="PAGE", type=Path)
    parser.add_argument("--write", metavar="PAGE", type=Path)
    for key, value in ASSUMED.items():
        parser.add_argument("--" + key.replace("_", "-"), type=type(value), default=value)
    options = vars(parser.parse_args())
    check, write = options.pop("check"), options.pop("write")
    made, found = tables(options)
    page = check or write
    if page is None:
        for name, text in made.items():
            print(f"{name}\n\n{text}")
        return
    diagram = page.with_suffix(".svg")
    text = filled(page.read_text(), made)
    if write:
        page.write_text(text)
        diagram.write_text(drawing(found))
    elif text != page.read_text() or not diagram.exists() or diagram.read_text() != drawing(found):
        sys.exit(f"{page} or {diagram} has other numbers: run `python3 benches/scale.py --write {page}`")
    else:
        print(f"{page} has the numbers of the program")


if __name__ == "__main__":
    main()
