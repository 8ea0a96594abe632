#!/usr/bin/env python3
"""Compares restoring large binaries from a hub on S3 with the AWS client, sha256sum and tar.

usage: python3 benches/s3.py [--larder target/release/larder] [--runs 5] [--copies 3] [--server s3s-fs|rclone|moto_server] [--json]
                             [--megabytes 400 | BINARY ...]

Without arguments, the six large binaries of `benches/fetch.py` are used, each of them three times under other names: about 1.2 GB. larder
packs them (tar.gz) and releases them to a bucket of a server on the loopback. The commands take turns, and each run starts without any
installed or cached files:

    restore from S3               larder ensure all, hub: {s3: …}
    aws s3 cp, sha256sum, tar     aws s3 cp --recursive; sha256sum -c; tar xz, eight at a time

larder also hashes every unpacked file, keeps a copy in its cache, and flushes what it installs to disk; the shell script does not. What has
no ratio is the first step of the script alone: what the server and the AWS client need for the bytes.

The server is s3s-fs, `rclone serve s3` or moto, the first one that is on PATH; an option of the name gives the path of one that is not.
s3s-fs and rclone serve files of a folder, moto objects in the memory of one Python process. The AWS client takes its settings from the
same variables as larder.
"""
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time

from common import Rows, find_peers, interleaved, machine, parse, run, workshop
from hub import binaries, built, digest, megabytes, options, project, sources, uninstall

BUCKET = "releases"
# rclone wants an access key of at least 12 characters.
KEY, SECRET = "key-of-the-benchmark", "secret-of-the-benchmark"
SERVERS = {
    "s3s-fs": lambda port, folder: ["--host", "127.0.0.1", "--port", port, "--access-key", KEY, "--secret-key", SECRET, folder],
    "rclone": lambda port, folder: ["serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}", folder],
    "moto_server": lambda port, _: ["-H", "127.0.0.1", "-p", port],
}
AWS = "aws s3 cp, sha256sum, tar"


@contextlib.contextmanager
def started(base, server, program):
    """The server, with an empty bucket. Gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    bucket = base / "objects" / BUCKET
    bucket.mkdir(parents=True)
    arguments = SERVERS[server](str(port), str(bucket.parent))
    with (base / "server.log").open("w") as log:
        process = subprocess.Popen([program, *arguments], stdout=log, stderr=log, cwd=base)
    try:
        for _ in range(600):
            with socket.socket() as there:
                if there.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            sys.exit(f"{program} does not answer: {(base / 'server.log').read_text()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def measure(base, args, env, files):
    """The seconds of each command, and the packages."""
    hub = f'hub: {{s3: "s3://{BUCKET}/tools", region: us-east-1}}'
    author = project(base / "author", built(files), hub)
    run([args.larder, "ensure", "all"], author, env)
    run([args.larder, "package", "all"], author, env)
    run([args.larder, "release", "all"], author, env)
    packages = sorted(author.glob(".dist/**/*.tar.gz"))
    root, plain = project(base / "reader", built(files), f"{hub}\nsources: [managed]"), base / "plain"
    (base / "sums").write_text("".join(f"{digest(package)}  {package.name}\n" for package in packages))
    copy = f"""aws s3 cp --quiet --recursive --exclude '*' --include '*.tar.gz' s3://{BUCKET}/tools/ {plain}"""
    script = f"""{copy}; cd {plain}; mv */*.tar.gz .; sha256sum --quiet -c {base}/sums
        ls *.tar.gz | xargs -P 8 -I@ sh -c 'mkdir @.d && tar xzf @ -C @.d'"""
    commands = {
        "larder": ([args.larder, "ensure", "all"], root),
        AWS: (["sh", "-ec", script], base),
        "aws s3 cp": (["sh", "-ec", copy], base),
    }

    def from_nothing(_, command):
        shutil.rmtree(base / "cache", ignore_errors=True)
        shutil.rmtree(plain, ignore_errors=True)
        uninstall(root)
        (root / "versions.lock").unlink(missing_ok=True)
        os.sync()
        return run(*command, env)

    return interleaved(commands, args.runs, from_nothing), packages


def main():
    parser = options(runs=5)
    parser.add_argument("--copies", type=int, default=3, help="how often each binary occurs")
    parser.add_argument("--server", choices=SERVERS, help="default: the first of them that is there")
    for server in SERVERS:
        parser.add_argument(f"--{server.replace('_', '-')}", metavar="PATH", help=f"default: {server} on PATH")
    args = parse(parser)
    peers = find_peers(args, (*([args.server] if args.server else SERVERS), "aws", "tar"))
    server = next((name for name in SERVERS if name in peers), None)
    if server is None or "aws" not in peers:
        sys.exit("the AWS client and one of s3s-fs, rclone and moto_server are needed")
    rows = Rows("s")
    with workshop() as (base, env):
        facts = machine(base, args.larder, {name: path for name, path in peers.items() if name != "moto_server"})
        env |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        files = sources(base, binaries(args), args.copies)
        with started(base, server, peers[server]) as url:
            env["AWS_ENDPOINT_URL_S3"] = url
            if server == "moto_server":
                run(["aws", "s3", "mb", f"s3://{BUCKET}"], base, env)
            times, packages = measure(base, args, env, files)
        rows.notes.append(f"restored from {server}: {len(files)} binaries, {megabytes(packages):.0f} MB packed, {megabytes(files):.0f} MB unpacked")
    rows.add("restore from S3", times, ratios=(AWS,))
    rows.show(args, facts)


if __name__ == "__main__":
    main()
