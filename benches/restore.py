#!/usr/bin/env python3
"""Compares installing large binaries from the local cache and from a folder hub with what coreutils, tar and gzip need.

usage: python3 benches/restore.py [--larder target/release/larder] [--runs 5] [--copies 3] [--format tar.gz] [--json]
                                  [--megabytes 400 | BINARY ...]

Without arguments, the six large binaries of `benches/fetch.py` are used, each of them several times under other names, with
some other bytes at the end: about 1.2 GB. The commands take turns, and nothing is installed when a run starts:

    restore     larder ensure all, everything is in the cache      to `cp -r --reflink=auto` of the cache's files
                                                                   and to that and `sha256sum -c` of them
                                                                   and to that and `sync` of the copies
    download    larder ensure all, hub: {dir: …}, empty cache      to `sha256sum -c` of the packages and
                                                                   `tar x`, eight at a time (`xargs -P 8`)

larder hashes each restored file and flushes it to disk; a download is also hashed packed and unpacked, and stored in the cache.
What has no ratio is the bare work of the same run, one tool at a time on one core: the floor of what is possible.
"""
import os
import shutil

from common import Rows, find_peers, interleaved, machine, parse, run, workshop
from hub import binaries, built, digest, megabytes, options, project, released, sources, uninstall

UNPACK = {"tar.gz": "gzip -dc", "tar.zst": "zstd -dcq"}
# What is measured, what larder is compared with, and the bare work.
ROWS = (
    ("restore", ("cp", "cp, sha256sum", "cp, sync"), ("sha256sum of the files",)),
    ("download from a folder hub", ("sha256sum, tar -P8",), ("sha256sum of the packages", "inflate")),
)


def measure(base, args, env, packages, root):
    """The seconds of each command."""
    cache, plain, kept = base / "cache", base / "plain", base / "kept"
    files = sorted(map(str, cache.glob("v1/files/*/*")))
    # The cache names each file after its digest.
    (base / "files.sums").write_text("".join(f"{file.rsplit('/', 1)[1]}  {file}\n" for file in files))
    (base / "packages.sums").write_text("".join(f"{digest(package)}  {package}\n" for package in packages))
    archives = " ".join(map(str, packages))
    ensure = ([args.larder, "ensure", "all"], root)

    def shell(script):
        return ["sh", "-ec", script], base

    copy = f"cp -r --reflink=auto {cache}/v1/files {plain}"
    untar = f"mkdir {plain}; ls {archives} | xargs -P 8 -I@ sh -c 'd={plain}/$(basename @).d; mkdir $d; tar xf @ -C $d'"
    commands = {
        "restore": ensure,
        "cp": shell(copy),
        "cp, sha256sum": shell(f"{copy}; sha256sum --quiet -c {base}/files.sums"),
        "cp, sync": shell(f"{copy}; find {plain} -type f | xargs -P {os.cpu_count()} -n 1 sync"),
        "sha256sum of the files": shell(f"sha256sum {' '.join(files)} > /dev/null"),
        "download from a folder hub": ensure,
        "sha256sum, tar -P8": shell(f"sha256sum --quiet -c {base}/packages.sums; {untar}"),
        "sha256sum of the packages": shell(f"sha256sum {archives} > /dev/null"),
        "inflate": shell(f"for i in {archives}; do {UNPACK[args.format]} $i > /dev/null; done"),
    }

    def uninstalled(name, command):
        shutil.rmtree(plain, ignore_errors=True)
        uninstall(root)
        if kept.exists():
            shutil.rmtree(cache, ignore_errors=True)
            kept.rename(cache)
        if name == "download from a folder hub":
            cache.rename(kept)
        os.sync()
        return run(*command, env)

    return interleaved(commands, args.runs, uninstalled)


def main():
    parser = options(runs=5)
    parser.add_argument("--copies", type=int, default=3, help="how often each binary occurs")
    parser.add_argument("--format", default="tar.gz", choices=UNPACK)
    args = parse(parser)
    rows = Rows("s")
    with workshop() as (base, env):
        facts = machine(base, args.larder, find_peers(args, ("cp", "tar")))
        files = sources(base, binaries(args), args.copies)
        packages = released(base, args.larder, env, files, args.format)
        # The binaries are not built again: the hub has them, and the cache.
        root = project(base / "author", built(files, args.format), f'hub: {{dir: "{base}/site"}}\nsources: [managed]')
        times = measure(base, args, env, packages, root)
        rows.notes.append(f"restored: {len(files)} binaries, {megabytes(packages):.0f} MB packed ({args.format}), "
                          f"{megabytes(files):.0f} MB unpacked")
    for work, peers, bare in ROWS:
        rows.add(work, {"larder": times[work], **{name: times[name] for name in (*peers, *bare)}}, ratios=peers)
    rows.show(args, facts)


if __name__ == "__main__":
    main()
