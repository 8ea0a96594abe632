#!/usr/bin/env python3
"""Compares installing large binaries from the local cache and from a folder hub with what coreutils, tar and gzip need.

usage: python3 benches/restore.py [--larder target/release/larder] [--runs 5] [--json] [--copies 3] [--format tar.gz] [BINARY ...]

Without arguments, the six large binaries of `benches/fetch.py` are used, each of them several times under other names, with
some other bytes at the end: about 1.2 GB. The commands run in turn, and nothing is installed when a run starts:

    restore     larder ensure all, everything is in the cache      to `cp -r --reflink=auto` of the cache's files
                                                                   and to that and `sha256sum -c` of them
                                                                   and to that and `sync` of the copies
    download    larder ensure all, hub: {dir: …}, empty cache      to `sha256sum -c` of the packages and
                                                                   `tar x`, eight at a time (`xargs -P 8`)

larder hashes each restored file and flushes it to disk; a download is also hashed packed and unpacked, and stored in the cache.
The last table is the bare work of the same run, one tool at a time on one core: the floor of what is possible.
"""
import json
import os
import shutil
import statistics
import sys
from pathlib import Path

from fetch import HOST, binaries, digest, options, recipe, run, versions, workshop


def grown(folder, paths, copies):
    """Each binary several times, with other bytes at the end, so that no two of them are equal."""
    folder.mkdir()
    made = []
    for number in range(copies):
        for path in paths:
            made.append(folder / f"{len(made):02}-{path.name}")
            shutil.copyfile(path, made[-1])
            with made[-1].open("ab") as file:
                file.write(b"larder %d\n" % number)
    return made


def released(base, larder, env, paths, form):
    """Builds, packs and releases the binaries into a folder hub. Returns the names and the packages."""
    author, names = base / "author", [f"tool{i:02}" for i in range(len(paths))]
    for name, path in zip(names, paths):
        recipe(author, name, f"http://127.0.0.1:1/{name}", path)
        build = 'build:\n  source: {dir: "%s"}\n  commands: ["mv %s {{ out }}/%s"]\n'
        source = base / "sources" / name
        source.mkdir(parents=True)
        path.rename(source / path.name)
        text = f"binaries: [{name}]\npackage: {{format: {form}}}\n" + build % (source, path.name, name)
        (author / "subsystems" / name / "recipe.yml").write_text(text)
    versions(author, names, f'hub: {{dir: "{base}/site"}}')
    run([larder, "ensure", "all"], author, env)
    run([larder, "release", "all"], author, env)
    return author, names, [next((base / "site").glob(f"{name}-v1.0.0/*.{form}")) for name in names]


def sums(files):
    return "".join(f"{digest(file)}  {file}\n" for file in files)


def main():
    parser = options(runs=5)
    parser.add_argument("--copies", type=int, default=3, help="how often each binary occurs")
    parser.add_argument("--format", default="tar.gz", choices=["tar.gz", "tar.zst"])
    args = parser.parse_args()
    larder, paths = str(Path(args.larder).resolve()), args.binary or binaries()
    with workshop() as (base, env):
        made = grown(base / "made", paths, args.copies)
        unpacked = sum(path.stat().st_size for path in made)
        project, names, packages = released(base, larder, env, made, args.format)
        packed = sum(package.stat().st_size for package in packages)
        versions(project, names, f'hub: {{dir: "{base}/site"}}\nsources: [managed]')
        cache, plain, kept = base / "cache", base / "plain", base / "kept"
        (base / "packages.sums").write_text(sums(packages))

        def installed_nothing():
            shutil.rmtree(plain, ignore_errors=True)
            for name in names:
                shutil.rmtree(project / "subsystems" / name / ".bin", ignore_errors=True)

        def with_cache():
            installed_nothing()
            if not cache.exists():
                kept.rename(cache)
            os.sync()

        def without_cache():
            installed_nothing()
            if not kept.exists():
                cache.rename(kept)
            shutil.rmtree(cache, ignore_errors=True)
            os.sync()

        files = sorted(str(path) for path in (cache / "v1" / "files").glob("*/*"))
        (base / "files.sums").write_text("".join(f"{Path(file).name}  {file}\n" for file in files))
        copy = f"cp -r --reflink=auto {cache}/v1/files {plain}"
        sync = f"find {plain} -type f | xargs -P {os.cpu_count()} -n 1 sync"
        untar = f"mkdir {plain}; ls {base}/site/*/*.{args.format} | xargs -P 8 -I@ sh -c 'd={plain}/$(basename @).d; mkdir $d; tar xf @ -C $d'"
        unpack = {"tar.gz": "gzip -dc", "tar.zst": "zstd -dcq"}[args.format]
        commands = {
            "restore": (with_cache, [larder, "ensure", "all"], project),
            "cp": (with_cache, ["sh", "-ec", copy], base),
            "cp, sha256sum": (with_cache, ["sh", "-ec", f"{copy}; sha256sum --quiet -c {base}/files.sums"], base),
            "cp, sync": (with_cache, ["sh", "-ec", f"{copy}; {sync}"], base),
            "download": (without_cache, [larder, "ensure", "all"], project),
            "sha256sum, tar": (without_cache, ["sh", "-ec", f"sha256sum --quiet -c {base}/packages.sums; {untar}"], base),
            "bare cp": (with_cache, ["sh", "-ec", copy], base),
            "bare sha256 of the files": (with_cache, ["sh", "-ec", f"sha256sum {' '.join(files)} > /dev/null"], base),
            "bare sha256 of the packages": (with_cache, ["sh", "-ec", f"sha256sum {' '.join(map(str, packages))} > /dev/null"], base),
            "bare inflate": (with_cache, ["sh", "-ec", f"for i in {base}/site/*/*.{args.format}; do {unpack} $i > /dev/null; done"], base),
        }
        # The binaries must not be built again: the hub has them, and the cache.
        times = {name: [] for name in commands}
        for i in range(args.runs + 1):
            for name, (prepare, command, cwd) in commands.items():
                prepare()
                seconds = run(command, cwd, env)
                if i > 0:
                    times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    result = {
        "cores": os.cpu_count(),
        "binaries": len(made),
        "packed_mb": round(packed / 1e6, 1),
        "unpacked_mb": round(unpacked / 1e6, 1),
        "host": HOST,
        "seconds": {name: round(value, 3) for name, value in medians.items()},
        "all": {name: [round(value, 3) for value in values] for name, values in times.items()},
    }
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{len(made)} binaries, {packed / 1e6:.0f} MB packed ({args.format}), {unpacked / 1e6:.0f} MB unpacked, "
          f"{args.runs} runs each, {os.cpu_count()} cores\n")
    print("| what | larder (s) | compared with | (s) | ratio |\n|---|---|---|---|---|")
    for ours, theirs in [("restore", "cp"), ("restore", "cp, sha256sum"), ("restore", "cp, sync"), ("download", "sha256sum, tar")]:
        print(f"| {ours} | {medians[ours]:.2f} | {theirs} | {medians[theirs]:.2f} | {medians[ours] / medians[theirs]:.2f} |")
    print("\n| bare work, one core | s |\n|---|---|")
    for name, value in medians.items():
        if name.startswith("bare"):
            print(f"| {name.removeprefix('bare ')} | {value:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
