#!/usr/bin/env python3
"""Compares cold fetches of six real binaries from nginx on the loopback: larder and a careful shell script.

usage: python3 benches/fetch.py [--larder target/release/larder] [--runs 7] [--json] [BINARY ...]

Without arguments, six large binaries of this machine are used: compilers, interpreters, build tools. larder packs them (tar.gz)
and releases them into a folder that nginx serves. The commands run in turn, and each run starts without any installed or cached files:

    managed     larder ensure all                 hub: {http: …}, empty cache, nothing installed
    originals   larder ensure all                 upstream: {url: …}, sha256 pinned in the recipe, empty cache
    curl        curl --parallel; sha256sum -c; tar xz two at a time

larder also hashes every unpacked file, keeps a copy in its cache, and flushes what it installs to disk; the shell script does not.
`limits` is the time of the bare work on one core, from `cargo bench --bench limits`: inflating, and SHA-256 of archives and files.
"""
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import common
from common import HOST, REPO, Rows, interleaved, machine, parse, run, workshop

NGINX = """daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log;
events {{}}
http {{
  access_log off; sendfile on; keepalive_requests 100000;
  client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3; uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;
  server {{ listen 127.0.0.1:{1}; root {2}; }}
}}
"""
UPSTREAM = """binaries: [{0}]
upstream:
  url: "{1}"
  checksums: {{{2}: {3}}}
"""


def binaries():
    """Six large executables of this machine, together about 400 MB."""
    rustup = Path(os.environ.get("RUSTUP_HOME", Path.home() / ".rustup"))
    folders = [Path("/usr/bin"), *rustup.glob("toolchains/*/bin"), *rustup.glob("toolchains/*/lib")]
    found, seen, total = [], set(), 0
    candidates = [p for folder in folders if folder.is_dir() for p in folder.iterdir() if p.is_file() and not p.is_symlink()]
    for path in sorted(candidates, key=lambda p: (-p.stat().st_size, str(p))):
        size = path.stat().st_size
        if size > 160e6 or total + size > 400e6 or (path.name, size) in seen or path.open("rb").read(4) != b"\x7fELF":
            continue
        found.append(path)
        seen.add((path.name, size))
        total += size
        if len(found) == 6:
            break
    return found


def install(base, url, larder, env, paths):
    """Installs the bare binaries with larder, as originals. Returns the project and the names of the subsystems."""
    author = base / "author"
    names = [f"tool{i}" for i in range(len(paths))]
    for name, path in zip(names, paths):
        shutil.copyfile(path, base / "site" / name)
        recipe(author, name, f"{url}/{name}", path)
    versions(author, names, f'hub: {{dir: "{base}/site"}}')
    run([larder, "ensure", "all"], author, env)
    return author, names


def release(base, url, larder, env, paths):
    """Installs, packs and releases the binaries with larder. Returns (name, asset) for each."""
    author, names = install(base, url, larder, env, paths)
    run([larder, "release", "all"], author, env)
    return [(name, next((base / "site").glob(f"{name}-v1.0.0/*.tar.gz"))) for name in names]


def recipe(project, name, url, path):
    folder = project / "subsystems" / name
    folder.mkdir(parents=True)
    (folder / "recipe.yml").write_text(UPSTREAM.format(name, url, HOST, digest(path)))


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions(project, names, more):
    text = "versions:\n" + "".join(f"  {name}: v1.0.0\n" for name in names) + more + "\nupload: never\n"
    (project / "versions.yml").write_text(text)


def serve(base):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = base / "nginx"
    folder.mkdir()
    base.chmod(0o755)  # if root starts nginx, it serves files as another user
    (folder / "conf").write_text(NGINX.format(folder, port, base / "site"))
    server = subprocess.Popen(["nginx", "-c", str(folder / "conf")], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as there:
            if there.connect_ex(("127.0.0.1", port)) == 0:
                return server, f"http://127.0.0.1:{port}"
        time.sleep(0.05)
    sys.exit("nginx does not answer")


def options(runs):
    parser = common.options(runs)
    parser.add_argument("binary", nargs="*", type=Path, help="default: six large binaries of this machine")
    return parser


def main():
    parser = options(runs=7)
    parser.add_argument("--no-limits", action="store_true")
    args = parse(parser)
    larder, paths = args.larder, args.binary or binaries()
    with workshop() as (base, env):
        facts = machine(base, larder)
        server, url = serve(base)
        try:
            assets = release(base, url, larder, env, paths)
            names = [name for name, _ in assets]
            urls = [f"{url}/{asset.parent.name}/{asset.name}" for _, asset in assets]
            managed, originals, plain = base / "managed", base / "originals", base / "plain"
            for name, path, link, (_, asset) in zip(names, paths, urls, assets):
                recipe(managed, name, f"{url}/{name}", path)
                recipe(originals, name, link, asset)
            versions(managed, names, f'hub: {{http: "{url}"}}\nsources: [managed]')
            versions(originals, names, "sources: [original]")
            sums = "".join(f"{digest(asset)}  {asset.name}\n" for _, asset in assets)
            script = f"""set -e; mkdir {plain}; cd {plain}; curl -sSf --parallel --parallel-immediate --remote-name-all {' '.join(urls)}
                printf %s '{sums}' | sha256sum --quiet -c -
                ls *.tar.gz | xargs -P 2 -I@ sh -c 'mkdir @.d && tar xzf @ -C @.d'"""
            commands = {
                "managed": ([larder, "ensure", "all"], managed),
                "originals": ([larder, "ensure", "all"], originals),
                "curl": (["sh", "-c", script], base),
            }

            def from_nothing():
                shutil.rmtree(base / "cache", ignore_errors=True)
                shutil.rmtree(plain, ignore_errors=True)
                for project in (managed, originals):
                    for name in names:
                        shutil.rmtree(project / "subsystems" / name / ".bin", ignore_errors=True)
                    (project / "versions.lock").unlink(missing_ok=True)
                os.sync()

            def measure(_, command):
                from_nothing()
                return run(command[0], command[1], env)

            times = interleaved(commands, args.runs, measure)
            limits = None
            if not args.no_limits:
                files = [str(asset) for _, asset in assets]
                bench = ["cargo", "bench", "--locked", "--quiet", "--bench", "limits", "--", *files]
                done = subprocess.run(bench, cwd=REPO, stdout=subprocess.PIPE, text=True)
                limits = json.loads(done.stdout) if done.returncode == 0 else None
        finally:
            server.terminate()
            server.wait()
        packed = sum(asset.stat().st_size for _, asset in assets)
        unpacked = sum(path.stat().st_size for path in paths)
    rows = Rows("s")
    size = f"{len(paths)} binaries, {packed / 1e6:.0f} MB packed, {unpacked / 1e6:.0f} MB unpacked"
    for ours in ("managed", "originals"):
        figures = {"larder": times[ours], "curl, sha256sum, tar": times["curl"]}
        rows.add(f"cold fetch, {ours}", figures, size=size, limits=limits)
    if not args.json:
        print(size + "\n")
    rows.show(args, facts)
    if limits and not args.json:
        print(f"\nbare work on one core: {json.dumps(limits)}")


if __name__ == "__main__":
    main()
