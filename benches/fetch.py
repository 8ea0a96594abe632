#!/usr/bin/env python3
"""Compares cold fetches of six real binaries from a server on the loopback: larder and a careful shell script.

usage: python3 benches/fetch.py [--larder target/release/larder] [--runs 7] [--json] [BINARY ...]

Without arguments, six large binaries of this machine are used: compilers, interpreters, build tools. larder packs them (tar.gz)
and releases them into a folder that nginx serves (without nginx: the server of Python, which is slower). The commands run in turn, and each run starts without any installed or cached files:

    managed     larder ensure all                 hub: {http: …}, empty cache, nothing installed
    folder      larder ensure all                 hub: {dir: …}, the same folder without the server
    originals   larder ensure all                 upstream: {url: …}, sha256 pinned in the recipe, empty cache
    curl        curl --parallel; sha256sum -c; tar xz two at a time

larder also hashes every unpacked file, keeps a copy in its cache, and flushes what it installs to disk; the shell script does not.
`limits` is the time of the bare work on one core, from `cargo bench --bench limits`: inflating, and SHA-256 of archives and files.
"""
import argparse
import contextlib
import hashlib
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
NGINX = """daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log;
events {{}}
http {{
  access_log off; sendfile on; keepalive_requests 100000;
  client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3; uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;
  server {{ listen 127.0.0.1:{1}; root {2}; }}
}}
"""
HOST = f"{platform.system().lower()}-{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }"
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


def run(command, cwd, env):
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stdout.decode()}")
    return seconds


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
    if shutil.which("nginx"):
        folder = base / "nginx"
        folder.mkdir()
        base.chmod(0o755)  # if root starts nginx, it serves files as another user
        (folder / "conf").write_text(NGINX.format(folder, port, base / "site"))
        command = ["nginx", "-c", str(folder / "conf")]
    else:
        command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(base / "site"), str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as there:
            if there.connect_ex(("127.0.0.1", port)) == 0:
                return server, f"http://127.0.0.1:{port}"
        time.sleep(0.05)
    sys.exit(f"{command[0]} does not answer")


def options(runs):
    parser = argparse.ArgumentParser()
    parser.add_argument("--larder", default=str(REPO / "target/release/larder"))
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("binary", nargs="*", type=Path)
    return parser


@contextlib.contextmanager
def workshop():
    """A temporary folder with an empty `site`, and an environment in which larder keeps all its files in that folder."""
    with tempfile.TemporaryDirectory(prefix="larder-bench-") as folder:
        base = Path(folder)
        (base / "site").mkdir()
        yield base, {"PATH": os.environ["PATH"], "HOME": folder, "LARDER_CACHE_DIR": str(base / "cache"), "TMPDIR": folder}


def main():
    parser = options(runs=7)
    parser.add_argument("--no-limits", action="store_true")
    args = parser.parse_args()
    larder, paths = str(Path(args.larder).resolve()), args.binary or binaries()
    with workshop() as (base, env):
        server, url = serve(base)
        try:
            assets = release(base, url, larder, env, paths)
            names = [name for name, _ in assets]
            urls = [f"{url}/{asset.parent.name}/{asset.name}" for _, asset in assets]
            managed, folder, originals, plain = (base / name for name in ("managed", "folder", "originals", "plain"))
            for name, path, link, (_, asset) in zip(names, paths, urls, assets):
                for project in (managed, folder):
                    recipe(project, name, f"{url}/{name}", path)
                recipe(originals, name, link, asset)
            versions(managed, names, f'hub: {{http: "{url}"}}\nsources: [managed]')
            versions(folder, names, f'hub: {{dir: "{base}/site"}}\nsources: [managed]')
            versions(originals, names, "sources: [original]")
            sums = "".join(f"{digest(asset)}  {asset.name}\n" for _, asset in assets)
            script = f"""set -e; mkdir {plain}; cd {plain}; curl -sSf --parallel --parallel-immediate --remote-name-all {' '.join(urls)}
                printf %s '{sums}' | sha256sum --quiet -c -
                ls *.tar.gz | xargs -P 2 -I@ sh -c 'mkdir @.d && tar xzf @ -C @.d'"""
            commands = {
                "managed": ([larder, "ensure", "all"], managed),
                "folder": ([larder, "ensure", "all"], folder),
                "originals": ([larder, "ensure", "all"], originals),
                "curl": (["sh", "-c", script], base),
            }

            def from_nothing():
                shutil.rmtree(base / "cache", ignore_errors=True)
                shutil.rmtree(plain, ignore_errors=True)
                for project in (managed, folder, originals):
                    for name in names:
                        shutil.rmtree(project / "subsystems" / name / ".bin", ignore_errors=True)
                    (project / "versions.lock").unlink(missing_ok=True)
                os.sync()

            times = {name: [] for name in commands}
            for i in range(args.runs + 1):
                for name, (command, cwd) in commands.items():
                    from_nothing()
                    seconds = run(command, cwd, env)
                    if i > 0:
                        times[name].append(seconds)
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
    medians = {name: statistics.median(values) for name, values in times.items()}
    result = {
        "cores": os.cpu_count(),
        "binaries": len(paths),
        "packed_mb": round(packed / 1e6, 1),
        "unpacked_mb": round(unpacked / 1e6, 1),
        "seconds": {name: round(value, 3) for name, value in medians.items()},
        "ratio": {name: round(medians[name] / medians["curl"], 2) for name in ("managed", "folder", "originals")},
        "all": {name: [round(value, 3) for value in values] for name, values in times.items()},
        "limits": limits,
    }
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{len(paths)} binaries, {packed / 1e6:.0f} MB packed, {unpacked / 1e6:.0f} MB unpacked, {args.runs} runs each, {os.cpu_count()} cores\n")
    print("| way | median (s) | fastest | slowest | to curl |\n|---|---|---|---|---|")
    for name, values in times.items():
        print(f"| {name} | {medians[name]:.2f} | {min(values):.2f} | {max(values):.2f} | {medians[name] / medians['curl']:.2f} |")
    if limits:
        print(f"\nbare work on one core: {json.dumps(limits)}")


if __name__ == "__main__":
    main()
