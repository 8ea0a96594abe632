#!/usr/bin/env python3
"""Runs the judges of every channel on the rendered files of every case, and prints what came of it.

usage: judge.py RENDERED LOGS [CASE…]

RENDERED has a folder <case>/<channel> for each. What is judged is written in LOGS/<case>/<judge>.log. A channel that cases.py
expects no files of must have none, and a channel that it expects files of must have some. The exit code is 1 if anything
fails, or if a judge is missing.
"""
import pathlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cases

HERE = pathlib.Path(__file__).resolve().parent
# The files in the folder of the subsystem itself.
GENERAL = ["README.md", "INSTALL.md", "sbom.cdx.json", "provenance.intoto.jsonl"]
# The cases for which the packages are pushed to a registry and installed from there, which takes seconds each.
REGISTRIES = ["duo", "early"]
SCRIPTS = [
    *(f"{channel}.sh" for channel in cases.CHANNELS if channel != "gomodule"), "sbom.py", "provenance.py", "apt.sh",
    "install-deb.sh", "install-rpm.sh", "install-installer.sh", "registry-docker.sh", "registry-npm.sh",
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
    for channel in cases.CHANNELS:
        skip = case.skips(channel)
        # A Go module is its own repository: there is nothing to render.
        commands = [] if channel == "gomodule" else [lambda c=channel: script(f"{c}.sh", folder / c)]
        binary = case.binaries[-1]
        if channel == "deb":
            file = lambda: one(folder / "deb", "*_amd64.deb")
            commands += [lambda: script("install-deb.sh", file(), binary), lambda: script("apt.sh", file(), binary, version)]
        if channel == "rpm":
            commands.append(lambda: script("install-rpm.sh", one(folder / "rpm", "*.x86_64.rpm"), binary))
        if channel in ("docker", "npm") and case.name in REGISTRIES:
            commands.append(lambda c=channel: script(f"registry-{c}.sh", folder / c))
        if channel == "installer":
            commands.append(lambda: script("install-installer.sh", folder / "installer"))
        yield channel, commands, skip
    yield "sbom", [lambda: script("sbom.py", folder / "sbom.cdx.json")], None
    yield "provenance", [lambda: script("provenance.py", folder / "provenance.intoto.jsonl")], None


def judge(case, name, commands, skip, folder, log):
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
    rendered, logs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    wanted = [case for case in cases.CASES if case.name in (sys.argv[3:] or [case.name])]
    jobs, failed = {}, False
    missing = [name for name in SCRIPTS if not (HERE / name).exists()]
    for name in missing:
        print(f"the judge {name} is missing")
    with ThreadPoolExecutor(2) as pool:
        for case in wanted:
            folder = rendered / case.name
            for name in GENERAL:
                if not (folder / name).is_file():
                    print(f"{folder / name} does not exist")
                    failed = True
            for name, commands, skip in judges(case, folder):
                log = logs / case.name / f"{name}.log"
                jobs[case.name, name] = pool.submit(judge, case, name, commands, skip, folder, log)
    results = {key: job.result() for key, job in jobs.items()}
    columns = [case.name for case in wanted]
    names = [*cases.CHANNELS, "sbom", "provenance"]
    width = max(len(word) for word, _ in results.values())
    print(f"{'':11}" + "".join(f"{column:{max(width, len(column)) + 2}}" for column in columns) + "seconds")
    for name in names:
        row = "".join(f"{results[column, name][0]:{max(width, len(column)) + 2}}" for column in columns)
        print(f"{name:11}{row}{sum(results[column, name][1] for column in columns):.0f}")
    for (case, name), (word, _) in results.items():
        if word == "FAILED":
            failed = True
            log = logs / case / f"{name}.log"
            print(f"\n--- {case}, {name}: the end of {log}")
            print("\n".join(log.read_text(errors="replace").splitlines()[-25:]))
    sys.exit(1 if failed or missing else 0)


if __name__ == "__main__":
    main()
