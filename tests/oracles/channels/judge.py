#!/usr/bin/env python3
"""Runs the judges of every channel on the rendered files of every case, and prints what came of it.

usage: judge.py RENDERED EVENTS LOGS [CASE…]

RENDERED has a folder <case>/<channel> for each, and EVENTS is what larder said with --json. What is judged is written in
LOGS/<case>/<judge>.log. A channel that cases.py expects to be skipped must have no files and the expected reason, and a channel
that it expects files of must have some. The exit code is 1 if anything
fails, or if a judge is missing.
"""
import json
import os
import pathlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
import cases  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# The files in the folder of the subsystem itself.
GENERAL = ["README", "INSTALL.md", "sbom.cdx.json", "provenance.intoto.jsonl"]
# The channels that are judged, if not all.
ONLY = os.environ.get("LARDER_JUDGED_CHANNELS")
CHANNELS = [channel for channel in cases.CHANNELS if not ONLY or channel in ONLY.split(",")]
# How many logs are shown.
SHOWN = 8
SCRIPTS = [
    *(f"{channel}.sh" for channel in cases.CHANNELS if channel != "gomodule"), "sbom.py", "provenance.py", "apt.sh",
    "install-deb.sh", "install-rpm.sh", "install-pypi.sh", "install-installer.sh", "registry-docker.sh", "registry-npm.sh",
]


def one(folder, pattern):
    """The one file of a folder that matches."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(f"{pattern} matches {len(found)} files of {folder}, and not one")
    return str(found[0])


def script(name, *words):
    path = HERE / name
    return [sys.executable if name.endswith(".py") else "bash", str(path), *map(str, words)]


def judges(case, folder):
    """What is judged of a case: the column of the table, what is run, and why nothing is there to be judged."""
    version = case.version.removeprefix("v")
    for channel in CHANNELS:
        skip = case.skips(channel)
        # A Go module is its own repository: there is nothing to render.
        commands = [] if channel == "gomodule" else [lambda c=channel: script(f"{c}.sh", folder / c)]
        binary = case.binaries[-1]
        if channel == "deb":
            file = lambda: one(folder / "deb", "*_amd64.deb")
            commands += [lambda: script("install-deb.sh", file(), binary), lambda: script("apt.sh", file(), binary, version)]
        if channel == "rpm":
            commands.append(lambda: script("install-rpm.sh", one(folder / "rpm", "*.x86_64.rpm"), binary))
        if case.name in cases.INSTALLED:
            if channel in ("docker", "npm"):
                commands.append(lambda c=channel: script(f"registry-{c}.sh", folder / c))
            if channel == "pypi":
                commands.append(lambda: script("install-pypi.sh", folder / "pypi"))
            if channel == "installer":
                released = pathlib.Path(os.environ["LARDER_JUDGED_HUB"], f"{case.name}-{case.version}")
                commands.append(lambda: script("install-installer.sh", folder / "installer", released))
        yield channel, commands, skip
    if ONLY:
        return
    yield "sbom", [lambda: script("sbom.py", folder / "sbom.cdx.json")], None
    yield "provenance", [lambda: script("provenance.py", folder / "provenance.intoto.jsonl")], None


def judge(name, commands, skip, reason, folder, log):
    """The word in the table, and how long it took."""
    start = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    there = folder / name
    is_channel = name in cases.CHANNELS
    with log.open("w") as out:
        if is_channel and skip:
            if there.exists():
                out.write(f"{there} exists, and the case is expected to be skipped: {skip}\n")
                return "FAILED", 0
            # What is not configured is not mentioned.
            if skip != "not configured" and skip not in (reason or ""):
                out.write(f"the reason for skipping it is expected to have {skip!r}, and is {reason!r}\n")
                return "FAILED", 0
            return f"- {skip}", 0
        if is_channel and name != "gomodule" and not there.is_dir():
            out.write(f"{there} does not exist\n")
            return "FAILED", 0
        for command in commands:
            try:
                words = command()
            except FileNotFoundError as error:
                out.write(f"{error}\n")
                return "FAILED", 0
            out.write(f"+ {' '.join(words)}\n")
            out.flush()
            if subprocess.run(words, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode:
                return "FAILED", time.monotonic() - start
    return "ok", time.monotonic() - start


def main():
    rendered, events, logs = map(pathlib.Path, sys.argv[1:4])
    wanted = [case for case in cases.CASES if case.name in (sys.argv[4:] or [case.name])]
    said = [event for event in map(json.loads, events.open()) if "channel" in event]
    reasons = {(event["subsystem"], event["channel"]): event.get("reason") for event in said if event["outcome"] == "skipped"}
    slowest = {channel: max([1000 * event.get("seconds", 0) for event in said if event["channel"] == channel], default=0)
               for channel in CHANNELS}
    print("at most this long to render:", ", ".join(f"{channel} {ms:.0f} ms" for channel, ms in slowest.items()))
    jobs, failed = {}, False
    missing = [name for name in SCRIPTS if not ONLY and not (HERE / name).exists()]
    for name in missing:
        print(f"the judge {name} is missing")
    with ThreadPoolExecutor(2) as pool:
        for case in wanted:
            folder = rendered / case.name
            for name in GENERAL if not ONLY else []:
                if not (folder / name).is_file():
                    print(f"{folder / name} does not exist")
                    failed = True
            for name, commands, skip in judges(case, folder):
                log = logs / case.name / f"{name}.log"
                jobs[case.name, name] = pool.submit(
                    judge, name, commands, skip, reasons.get((case.name, name)), folder, log)
    results = {key: job.result() for key, job in jobs.items()}
    columns = [case.name for case in wanted]
    names = CHANNELS if ONLY else [*CHANNELS, "sbom", "provenance"]
    width = max(len(word) for word, _ in results.values())
    print(f"{'':11}" + "".join(f"{column:{max(width, len(column)) + 2}}" for column in columns) + "seconds")
    for name in names:
        row = "".join(f"{results[column, name][0]:{max(width, len(column)) + 2}}" for column in columns)
        print(f"{name:11}{row}{sum(results[column, name][1] for column in columns):.0f}")
    wrong = [key for key, (word, _) in results.items() if word == "FAILED"]
    for case, name in wrong[:SHOWN]:
        log = logs / case / f"{name}.log"
        print(f"\n--- {case}, {name}: the end of {log}")
        print("\n".join(log.read_text(errors="replace").splitlines()[-25:]))
    if wrong[SHOWN:]:
        print(f"\n--- {len(wrong) - SHOWN} more in {logs}")
    sys.exit(1 if failed or missing or wrong else 0)


if __name__ == "__main__":
    main()
