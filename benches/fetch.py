#!/usr/bin/env python3
"""Compares cold fetches of six real binaries from nginx on the loopback: larder and a careful shell script.

usage: python3 benches/fetch.py [--larder target/release/larder] [--runs 7] [--no-limits] [--json] [--megabytes 400 | BINARY ...]

Without arguments, six large binaries of this machine are used: compilers, interpreters, build tools. larder packs them (tar.gz)
and releases them into a folder that nginx serves. The commands take turns, and each run starts without any installed or cached files:

    cold fetch, hub          larder ensure all        hub: {http: …}
    cold fetch, originals    larder ensure all        upstream: {url: …}, sha256 pinned in the recipe
    fetch of a folder        larder ensure all        hub: {dir: …}, the same folder without the server
    curl, sha256sum, tar     curl --parallel; sha256sum -c; tar xz two at a time

larder also hashes every unpacked file, keeps a copy in its cache, and flushes what it installs to disk; the shell script does not.
The limits are the time of the bare work on one core, from `cargo bench --bench limits`: inflating, and SHA-256 of packages and files.
"""
import json
import os
import shutil
import subprocess

from common import HOST, REPO, Rows, find_peers, interleaved, machine, parse, run, workshop
from hub import binaries, built, digest, megabytes, nginx, options, project, released, sources, uninstall

ORIGINAL = """binaries: [{0}]
upstream:
  url: "{1}"
  checksums: {{{2}: {3}}}
"""
CURL = "curl, sha256sum, tar"


def measure(base, url, args, env, files, packages):
    """The seconds of each way."""
    managed, originals = built(files), {}
    urls = [f"{url}/{package.parent.name}/{package.name}" for package in packages]
    for file, link, package in zip(files, urls, packages):
        originals[file.name] = ORIGINAL.format(file.name, link, HOST, digest(package))
    projects = {
        "cold fetch, hub": project(base / "hub", managed, f'hub: {{http: "{url}"}}\nsources: [managed]'),
        "cold fetch, originals": project(base / "originals", originals, "sources: [original]"),
        "fetch of a folder": project(base / "folder", managed, f'hub: {{dir: "{base}/site"}}\nsources: [managed]'),
    }
    plain = base / "plain"
    sums = "".join(f"{digest(package)}  {package.name}\n" for package in packages)
    script = f"""mkdir {plain}; cd {plain}; curl -sSf --parallel --parallel-immediate --remote-name-all {' '.join(urls)}
        printf %s '{sums}' | sha256sum --quiet -c -
        ls *.tar.gz | xargs -P 2 -I@ sh -c 'mkdir @.d && tar xzf @ -C @.d'"""
    commands = {name: ([args.larder, "ensure", "all"], root) for name, root in projects.items()}
    commands[CURL] = (["sh", "-ec", script], base)

    def from_nothing(_, command):
        shutil.rmtree(base / "cache", ignore_errors=True)
        shutil.rmtree(plain, ignore_errors=True)
        for root in projects.values():
            uninstall(root)
            (root / "versions.lock").unlink(missing_ok=True)
        os.sync()
        return run(*command, env)

    return interleaved(commands, args.runs, from_nothing)


def main():
    parser = options(runs=7)
    parser.add_argument("--no-limits", action="store_true", help="do not measure the bare work, which needs cargo")
    args = parse(parser)
    rows = Rows("s")
    with workshop() as (base, env):
        facts = machine(base, args.larder, find_peers(args, ("curl", "tar")))
        files = sources(base, binaries(args))
        packages = released(base, args.larder, env, files)
        rows.notes.append(f"fetched: {len(files)} binaries, {megabytes(packages):.0f} MB packed, {megabytes(files):.0f} MB unpacked")
        with nginx(base) as url:
            times = measure(base, url, args, env, files, packages)
        for work in times:
            if work != CURL:
                rows.add(work, {"larder": times[work], CURL: times[CURL]})
        if not args.no_limits:
            bench = ["cargo", "bench", "--locked", "--quiet", "--bench", "limits", "--", *map(str, packages)]
            done = subprocess.run(bench, cwd=REPO, stdout=subprocess.PIPE, text=True)
            if done.returncode == 0:
                rows.notes.append(f"bare work of a fetch on one core: {json.dumps(json.loads(done.stdout))}")
    rows.show(args, facts)


if __name__ == "__main__":
    main()
