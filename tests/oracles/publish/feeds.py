"""Stand-ins for servers that this machine has not: a NuGet feed of version 2, and a Go proxy that reads the tags of a
repository, as a real one does. Each request is a line of LOG: `feed METHOD PATH` or `proxy METHOD PATH`.

usage: feeds.py PORT_OF_THE_FEED PORT_OF_THE_PROXY KEY ORIGIN MODULE FOLDER LOG
"""

import base64, hashlib, http.server, io, json, re, subprocess, sys, threading, urllib.parse, zipfile

feed_port, proxy_port, key, origin, module, folder, log_path = sys.argv[1:]
log = open(log_path, "a", buffering=1)
packages = {}


class Server(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=b"", kind="application/octet-stream"):
        log.write(f"{self.name} {self.command} {self.path}\n")
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def entry(name, version):
    data = packages[name, version]
    latest = version == max(v for n, v in packages if n == name)
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    return (
        f'<entry><title type="text">{name}</title><content type="application/zip" src="/api/v2/package/{name}/{version}" />'
        f"<m:properties><d:Version>{version}</d:Version><d:IsLatestVersion>{str(latest).lower()}</d:IsLatestVersion>"
        f"<d:PackageHash>{digest}</d:PackageHash><d:PackageHashAlgorithm>SHA512</d:PackageHashAlgorithm></m:properties></entry>"
    )


class Feed(Server):
    name = "feed"

    def do_GET(self):
        path = urllib.parse.unquote(self.path)
        quoted = path.split("'")
        if found := re.fullmatch("/api/v2/package/([^/]+)/([^/]+)", path):
            data = packages.get(found.groups())
            return self.answer(200, data) if data else self.answer(404)
        if "/Packages(" in path:
            there = (quoted[1], quoted[3]) in packages
            return self.answer(200, entry(quoted[1], quoted[3]).encode(), "text/xml") if there else self.answer(404)
        entries = "".join(entry(n, v) for n, v in sorted(packages) if n == quoted[1])
        self.answer(200, f"<feed>{entries}</feed>".encode(), "text/xml")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["x-nuget-apikey"] != key:
            return self.answer(403)
        head, data = body.split(b"\r\n\r\n", 1)
        data = data[: data.rindex(b"\r\n--")]
        name, version = re.search(r'filename="([^.]+)\.(.+)\.nupkg"', head.decode()).groups()
        if (name, version) in packages:
            return self.answer(409)
        zipfile.ZipFile(io.BytesIO(data)).testzip()
        packages[name, version] = data
        self.answer(201)


def git(*arguments):
    return subprocess.run(["git", f"--git-dir={origin}", *arguments], capture_output=True).stdout


class Proxy(Server):
    name = "proxy"

    def do_GET(self):
        version, _, kind = self.path.removeprefix(f"/{module}/@v/").rpartition(".")
        commit = git("rev-parse", "--verify", "--quiet", f"refs/tags/{folder}/{version}^{{commit}}").decode().strip()
        body = None
        if commit and kind == "info":
            body = json.dumps({"Version": version, "Time": "2024-01-01T00:00:00Z", "Origin": {"VCS": "git", "Hash": commit}}).encode()
        elif commit and kind == "mod":
            body = git("show", f"{commit}:{folder}/go.mod")
        elif commit and kind == "zip":
            data = io.BytesIO()
            with zipfile.ZipFile(data, "w") as archive:
                for name in git("ls-tree", "-r", "--name-only", f"{commit}:{folder}").decode().split():
                    archive.writestr(f"{module}@{version}/{name}", git("show", f"{commit}:{folder}/{name}"))
            body = data.getvalue()
        self.answer(200 if body else 404, body or b"")


servers = [http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), kind) for port, kind in ((feed_port, Feed), (proxy_port, Proxy))]
for server in servers:
    threading.Thread(target=server.serve_forever).start()
