"""What the benches of packages share: large binaries, a project that builds them, a folder hub with their packages, and nginx."""
import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import common
from common import run

NGINX = """daemon off; worker_processes {3}; pid {0}/pid; error_log {0}/error.log crit; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; keepalive_requests 100000000; default_type application/octet-stream;
  client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3; uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;
  server {{ listen 127.0.0.1:{1} backlog=4096; root {2}; }}
}}
"""
BUILT = """binaries: [{0}]
package: {{format: {2}}}
build:
  source: {{dir: "{1}"}}
  commands: ["mv {0} {{{{ out }}}}/{0}"]
"""


def options(runs):
    parser = common.options(runs)
    parser.add_argument("--megabytes", type=int, default=400, help="the size of the binaries, if they are chosen here")
    parser.add_argument("binary", nargs="*", type=Path, help="default: six large binaries of this machine")
    return parser


def binaries(args):
    """The binaries that the arguments name, or six large executables of this machine."""
    if args.binary:
        return args.binary
    rustup = Path(os.environ.get("RUSTUP_HOME", Path.home() / ".rustup"))
    folders = [Path("/usr/bin"), *rustup.glob("toolchains/*/bin"), *rustup.glob("toolchains/*/lib")]
    found, seen, total, limit = [], set(), 0, args.megabytes * 1e6
    candidates = [p for folder in folders if folder.is_dir() for p in folder.iterdir() if p.is_file() and not p.is_symlink()]
    for path in sorted(candidates, key=lambda p: (-p.stat().st_size, str(p))):
        size = path.stat().st_size
        if size > 0.4 * limit or total + size > limit or (path.name, size) in seen or path.open("rb").read(4) != b"\x7fELF":
            continue
        found.append(path)
        seen.add((path.name, size))
        total += size
        if len(found) == 6:
            break
    return found


def sources(base, paths, copies=1):
    """Copies each binary into folders of its own, with other bytes at the end, so that no two are equal. Returns the copies."""
    made = []
    for number in range(copies):
        for path in paths:
            name = f"tool{len(made):02}"
            made.append(base / "sources" / name / name)
            made[-1].parent.mkdir(parents=True)
            shutil.copyfile(path, made[-1])
            with made[-1].open("ab") as file:
                file.write(b"larder %d\n" % number)
    return made


def built(files, form="tar.gz"):
    """The recipes of subsystems that take these files from their folders, and the format of their packages."""
    return {file.name: BUILT.format(file.name, file.parent, form) for file in files}


def project(root, recipes, more):
    """Writes a project with the recipe of each name, and with more lines for versions.yml. Returns its folder."""
    for name, text in recipes.items():
        folder = root / "subsystems" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipe.yml").write_text(text)
    (root / "versions.yml").write_text("versions:\n" + "".join(f"  {name}: v1.0.0\n" for name in recipes) + more + "\nupload: never\n")
    return root


def uninstall(root):
    for installed in root.glob("subsystems/*/.bin"):
        shutil.rmtree(installed)


def released(base, larder, env, files, form="tar.gz"):
    """Builds, packs and releases the files into the folder hub `site`. Returns the packages."""
    author = project(base / "author", built(files, form), f'hub: {{dir: "{base}/site"}}')
    run([larder, "ensure", "all"], author, env)
    run([larder, "release", "all"], author, env)
    return [next((base / "site").glob(f"{file.name}-v1.0.0/*.{form}")) for file in files]


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def megabytes(files):
    return sum(file.stat().st_size for file in files) / 1e6


def start_nginx(base, workers):
    """Starts nginx, which serves the folder `site`. Returns its process and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = base / "nginx"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    base.chmod(0o755)  # if root starts nginx, it serves files as another user
    (folder / "conf").write_text(NGINX.format(folder, port, base / "site", workers))
    process = subprocess.Popen(["nginx", "-c", str(folder / "conf")], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as there:
            if there.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        time.sleep(0.05)
    process.terminate()
    sys.exit("nginx does not answer")


@contextlib.contextmanager
def nginx(base):
    """nginx with one worker, while the block runs. Gives its URL."""
    process, port = start_nginx(base, 1)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
