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
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from common import Rows, interleaved, machine, options, parse, workshop
from hub import start_nginx

FILES, SIZE = 4, 20 * 1000 * 1000
CONNECTIONS = (1, 16, 256)
TICK = os.sysconf("SC_CLK_TCK")
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


def start(base, args):
    """nginx and larder, which serve the same files."""
    return Server("nginx", *start_nginx(base, 2)), start_larder(base, args.larder)


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


def compare(rows, args, servers, work, units, measure):
    """Adds a row for each of the figures that were measured; the servers take turns."""
    found = interleaved({server.name: server for server in servers}, args.runs, lambda _, server: measure(server))
    for column, unit in enumerate(units):
        rows.add(work, {name: [run[column] for run in runs] for name, runs in found.items()}, unit=unit)


def prepare(base):
    noise = os.urandom(SIZE // 10)
    for number in range(1, FILES + 1):
        path = base / f"site/binaries/tool{number}-1.0.0-linux-x86_64"
        path.write_bytes(bytes([number]) + noise * 10)
        os.utime(path, (1e9, 1e9))


def files(rows, base, args):
    script = base / "files.lua"
    script.write_text(SCRIPT.replace("{0}", str(FILES)))
    servers = start(base, args)
    for connections in CONNECTIONS:
        def measure(server):
            _, speed, cpu, read, client = load(server, "/", connections, args.seconds, script)
            return speed / 1e6, cpu / (read / 1e9), (cpu + client) / (read / 1e9)
        units = ("MB/s", "CPU s per GB", "CPU s per GB with the client")
        compare(rows, args, servers, f"20 MB files, {connections} connections", units, measure)
    for server in servers:
        server.end()


def metadata(rows, base, args):
    servers = start(base, args)
    target = "/api/binaries/latest/linux/x86_64?name=tool1"
    with urllib.request.urlopen(servers[1].url + target) as answer:
        (base / "site/latest.json").write_bytes(answer.read())
    for connections in CONNECTIONS:
        def measure(server):
            path = "/latest.json" if server.name == "nginx" else target
            each, _, cpu, _, _ = load(server, path, connections, args.seconds)
            return each, cpu * 1e6 / (each * args.seconds)
        compare(rows, args, servers, f"metadata, {connections} connections", ("requests/s", "CPU µs each"), measure)
    for server in servers:
        server.end()


def memory(rows, base, args):
    for number in range(10_000):
        path = base / f"site/binaries/small-1.0.{number}-linux-x86_64"
        path.write_bytes(str(number).encode())
        os.utime(path, (1e9, 1e9))
    resting, slow = {}, {}
    for server in start(base, args):
        server.end()
    # The second start of larder reads no file: its digests are remembered.
    for server in start(base, args):
        time.sleep(1)
        resting[server.name] = [server.memory()]
        clients = []
        for _ in range(1000):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(b"GET /binaries/tool1-1.0.0-linux-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n")
            clients.append(client)
        time.sleep(2)
        slow[server.name] = [server.memory()]
        for client in clients:
            client.close()
        server.end()
    rows.add("memory with 10,000 files", resting, unit="MB")
    rows.add("memory with 1,000 slow clients", slow, unit="MB")


def main():
    parser = options(runs=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", choices=("files", "metadata", "memory"))
    args = parse(parser)
    rows = Rows("")
    with workshop() as (base, _):
        facts = machine(base, args.larder)
        (base / "site/binaries").mkdir()
        prepare(base)
        for part in (files, metadata, memory):
            if args.only in (None, part.__name__):
                part(rows, base, args)
    rows.show(args, facts)


if __name__ == "__main__":
    main()
