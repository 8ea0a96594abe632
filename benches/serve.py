#!/usr/bin/env python3
"""Compares `larder serve` with nginx on the loopback: the same files, the same run, one after the other.

usage: python3 benches/serve.py [--larder target/release/larder] [--runs 3] [--seconds 4] [--json] [--only files|metadata|memory]

nginx has two workers, sendfile on and logs off; larder runs as it comes. wrk asks (one thread, 1, 16 and 256 connections):

    files      files of 20 MB: throughput, and CPU seconds per GB of the server (children included) and with the client's
    metadata   `GET /api/binaries/latest/linux/x86_64` beside a static file of that size
    memory     resident memory: started with 10,000 files, then with 1,000 clients that each ask for a file and read nothing

Each figure is the median of the runs; the two servers take turns within each run. On the loopback the sender does much of the
receiver's work, and the receiver's acknowledgements send for the sender: only the CPU seconds of both together are free of that.
"""
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from common import interleaved, machine, options, parse, show_machine, workshop

FILES, SIZE = 4, 20 * 1000 * 1000
CONNECTIONS = (1, 16, 256)
TICK = os.sysconf("SC_CLK_TCK")
NGINX = """daemon off; worker_processes 2; pid {0}/pid; error_log {0}/error.log crit; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; keepalive_requests 100000000; default_type application/octet-stream;
  client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3; uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;
  server {{ listen 127.0.0.1:{1} backlog=4096; root {2}; }}
}}
"""
# Each connection asks for the next file, so that all of them are in use.
SCRIPT = """local at = 0
request = function()
  at = at % {0} + 1
  return wrk.format("GET", "/binaries/tool{1}-1.0.0-linux-x86_64")
end
""".replace("{1}", '" .. at .. "')


class Server:
    """A running server: its name, the address, and its process."""

    def __init__(self, name, process, port):
        self.name, self.process, self.port = name, process, port
        self.url = f"http://127.0.0.1:{port}"

    def pids(self):
        family, children = [self.process.pid], {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rsplit(")", 1)[1].split()
                children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        for pid in family:
            family.extend(children.get(pid, []))
        return family

    def cpu(self):
        """CPU seconds of the process and its children so far."""
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def memory(self):
        """Resident memory in MB. Pages that the processes share are counted once."""
        total = 0
        for pid in self.pids():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss: +(\d+)", rollup, re.M)[1])
        return total / 1000

    def end(self):
        self.process.terminate()
        self.process.wait()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start_nginx(base):
    folder, port = base / "nginx", free_port()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "conf").write_text(NGINX.format(folder, port, base / "site"))
    process = subprocess.Popen(["nginx", "-c", str(folder / "conf")], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as there:
            if there.connect_ex(("127.0.0.1", port)) == 0:
                return Server("nginx", process, port)
        time.sleep(0.05)
    sys.exit("nginx does not answer")


def start_larder(base, larder):
    command = [larder, "--quiet", "serve", "--port", "0", "--dir", str(base / "site/binaries"), "--data", str(base / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=base)
    address = json.loads(process.stdout.readline())["http"]
    server = Server("larder", process, int(address.rsplit(":", 1)[1]))
    for _ in range(3000):
        with contextlib.suppress(OSError), urllib.request.urlopen(server.url + "/readyz"):
            return server
        time.sleep(0.02)
    sys.exit("larder does not get ready")


def load(server, target, connections, seconds, script=None):
    """Requests per second, bytes per second, the server's CPU seconds, the bytes, and the client's CPU seconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", server.url + target]
    if script:
        command[1:1] = ["-s", str(script)]
    before, start, own = server.cpu(), time.perf_counter(), os.times()
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    took, cpu, now = time.perf_counter() - start, server.cpu() - before, os.times()
    client = now.children_user + now.children_system - own.children_user - own.children_system
    requests, size, unit = re.search(r"(\d+) requests in [\d.]+\w+, ([\d.]+)([KMGT]?B) read", out).groups()
    if re.search(r"Non-2xx|Socket errors", out):
        sys.exit(f"{server.name}: {out}")
    read = float(size) * 1024 ** " KMGT".index(unit[0] if len(unit) == 2 else " ")
    return int(requests) / took, read / took, cpu, read, client


def compare(servers, runs, measure):
    """For each server the medians of what was measured; the servers take turns."""
    found = interleaved({server.name: server for server in servers}, runs, lambda _, server: measure(server))
    return {name: tuple(statistics.median(column) for column in zip(*rows)) for name, rows in found.items()}


def prepare(base):
    noise = os.urandom(SIZE // 10)
    for number in range(1, FILES + 1):
        path = base / f"site/binaries/tool{number}-1.0.0-linux-x86_64"
        path.write_bytes(bytes([number]) + noise * 10)
        os.utime(path, (1e9, 1e9))


def files(base, larder, args):
    script = base / "files.lua"
    script.write_text(SCRIPT.replace("{0}", str(FILES)))
    rows, servers = [], [start_nginx(base), start_larder(base, larder)]
    for connections in CONNECTIONS:
        def measure(server, connections=connections):
            _, speed, cpu, read, client = load(server, "/", connections, args.seconds, script)
            return speed / 1e6, cpu / (read / 1e9), (cpu + client) / (read / 1e9)
        found = compare(servers, args.runs, measure)
        rows.append((f"20 MB files, {connections} connections, MB/s", found["larder"][0], found["nginx"][0]))
        rows.append((f"20 MB files, {connections} connections, CPU s per GB", found["larder"][1], found["nginx"][1]))
        rows.append((f"20 MB files, {connections} connections, CPU s per GB with the client", found["larder"][2], found["nginx"][2]))
    for server in servers:
        server.end()
    return rows


def metadata(base, larder, args):
    servers = [start_nginx(base), start_larder(base, larder)]
    target = "/api/binaries/latest/linux/x86_64?name=tool1"
    with urllib.request.urlopen(servers[1].url + target) as answer:
        (base / "site/latest.json").write_bytes(answer.read())
    rows = []
    for connections in (1, 16, 256):
        def measure(server, connections=connections):
            path = "/latest.json" if server.name == "nginx" else target
            each, _, cpu, _, _ = load(server, path, connections, args.seconds)
            return each, cpu * 1e6 / (each * args.seconds)
        found = compare(servers, args.runs, measure)
        rows.append((f"metadata, {connections} connections, requests/s", found["larder"][0], found["nginx"][0]))
        rows.append((f"metadata, {connections} connections, CPU µs each", found["larder"][1], found["nginx"][1]))
    for server in servers:
        server.end()
    return rows


def memory(base, larder, args):
    for number in range(10_000):
        path = base / f"site/binaries/small-1.0.{number}-linux-x86_64"
        path.write_bytes(str(number).encode())
        os.utime(path, (1e9, 1e9))
    rows, servers = [], [start_nginx(base), start_larder(base, larder)]
    resting, slow = {}, {}
    for server in servers:
        server.end()
    # The second start of larder reads no file: its digests are remembered.
    for server in (start_nginx(base), start_larder(base, larder)):
        time.sleep(1)
        resting[server.name] = server.memory()
        clients = []
        for _ in range(1000):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(b"GET /binaries/tool1-1.0.0-linux-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n")
            clients.append(client)
        time.sleep(2)
        slow[server.name] = server.memory()
        for client in clients:
            client.close()
        server.end()
    rows.append(("memory with 10,000 files, MB", resting["larder"], resting["nginx"]))
    rows.append(("memory with 1,000 slow clients, MB", slow["larder"], slow["nginx"]))
    return rows


def main():
    parser = options(runs=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", choices=("files", "metadata", "memory"))
    args = parse(parser)
    larder = args.larder
    with workshop() as (base, _):
        facts = machine(base, larder)
        base.chmod(0o755)  # if root starts nginx, it serves files as another user
        (base / "site/binaries").mkdir()
        prepare(base)
        rows = []
        for part in (files, metadata, memory):
            if args.only in (None, part.__name__):
                rows += part(base, larder, args)
    if args.json:
        rows = [{"work": what, "unit": "", "medians": {"larder": ours, "nginx": theirs}, "ratios": {"nginx": round(ours / theirs, 3)},
                 "noisy": []} for what, ours, theirs in rows]
        print(json.dumps({"machine": facts, "rows": rows}, indent=1))
        return
    show_machine(facts)
    print("| | larder | nginx | larder / nginx |\n|---|---:|---:|---:|")
    for what, ours, theirs in rows:
        digits = 0 if ours > 100 else 1 if ours > 10 else 3
        print(f"| {what} | {ours:,.{digits}f} | {theirs:,.{digits}f} | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
