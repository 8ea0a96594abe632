"""A publisher for the benches: tiny programs with the headers of their platforms, archives, and a GitHub of one's own on 127.0.0.1.

The server answers plainly, for programs that can be told a base URL, and as a proxy that is github.com and api.github.com for programs
that can't. Programs believe it because of a certificate that exists as long as the bench. Every other host is refused: nothing leaves
the machine.
"""
import contextlib
import hashlib
import http.server
import io
import json
import socketserver
import ssl
import struct
import subprocess
import tarfile
import threading
import zipfile
from pathlib import Path

HOSTS = ("github.com", "api.github.com")
LINUX = {"amd64": 62, "arm64": 183, "arm": 40}
MACOS = {"amd64": 0x0100_0007, "arm64": 0x0100_000C}
WINDOWS = {"amd64": 0x8664, "arm64": 0xAA64}


def elf(arch, text):
    """A static program for Linux that prints a text; it runs on amd64 only, elsewhere it is just the header and the text."""
    text = text.encode()
    # mov eax,1; mov edi,1; lea rsi,[rip+16]; mov edx,LENGTH; syscall; mov eax,60; xor edi,edi; syscall
    code = bytes.fromhex("b801000000bf01000000488d3510000000ba") + struct.pack("<I", len(text)) + bytes.fromhex("0f05b83c00000031ff0f05")
    size, start = 120 + len(code) + len(text), 0x400000
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, LINUX[arch], 1, start + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, start, start, size, size, 4096) + code + text


def macho(arch, text):
    """The header of a program for macOS, and a text."""
    return struct.pack("<IIIIIIII", 0xFEEDFACF, MACOS[arch], 0, 2, 0, 0, 0, 0) + text.encode()


def universal(text):
    """A program for both processors of macOS."""
    parts = [macho(arch, text) for arch in MACOS]
    head, body = struct.pack(">II", 0xCAFEBABE, len(parts)), b""
    for cpu, part in zip(MACOS.values(), parts):
        body = body.ljust((len(body) + 4095) // 4096 * 4096, b"\0")
        head += struct.pack(">IIIII", cpu, 0, 4096 + len(body), len(part), 12)
        body += part
    return head.ljust(4096, b"\0") + body


def pe(arch, text):
    """The header of a program for Windows, and a text."""
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 128)
    return dos.ljust(128, b"\0") + b"PE\0\0" + struct.pack("<HHIIIHH", WINDOWS[arch], 0, 0, 0, 0, 0, 2) + bytes(64) + text.encode()


def program(platform, text):
    """A program for a platform such as `linux-amd64` or `darwin-universal`."""
    system, arch = platform.split("-")
    if arch == "universal":
        return universal(text)
    return {"linux": elf, "darwin": macho, "windows": pe}[system](arch, text)


def tar(files):
    """A tar.gz of paths and their bytes. All files can be executed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(data), 0o755, 1_700_000_000
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(files):
    """A zip of paths and their bytes. All files can be executed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path, (2024, 1, 1, 0, 0, 0))
            info.external_attr, info.create_system = 0o100755 << 16, 3
            archive.writestr(info, data)
    return out.getvalue()


def sums(assets):
    """The text of a file with the digests of assets, as `sha256sum` writes it."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in assets.items()).encode()


class Publisher:
    """The releases of owner `acme`: each repository has one, whose assets are names and bytes. `pages` are what comes in place of an asset."""

    def __init__(self, owner, tag):
        self.owner, self.tag, self.states_digests = owner, tag, True
        self.repositories, self.pages, self.asked, self.refused = {}, {}, [], set()
        self.lock = threading.Lock()

    def log(self, host, path):
        with self.lock:
            self.asked.append((host, path))

    def release(self, repository, api, web):
        base = f"{api}/repos/{self.owner}/{repository}"
        user = {"login": self.owner, "id": 1, "type": "User"}
        time = "2025-01-01T00:00:00Z"
        digests = {name: f"sha256:{hashlib.sha256(data).hexdigest()}" for name, data in self.repositories[repository].items()}
        assets = [
            {
                "id": number, "name": name, "label": "", "state": "uploaded", "size": len(data), "uploader": user,
                "content_type": "application/octet-stream", "digest": digests[name] if self.states_digests else None, "download_count": 1,
                "created_at": time, "updated_at": time, "url": f"{base}/releases/assets/{number}",
                "browser_download_url": f"{web}/{self.owner}/{repository}/releases/download/{self.tag}/{name}",
            }
            for number, (name, data) in enumerate(self.repositories[repository].items(), 1)
        ]
        return {
            "id": 1, "tag_name": self.tag, "name": self.tag, "target_commitish": "main", "draft": False, "prerelease": False,
            "immutable": False, "author": user, "created_at": time, "updated_at": time, "published_at": time, "body": "", "assets": assets,
            "url": f"{base}/releases/1", "assets_url": f"{base}/releases/1/assets", "upload_url": f"{base}/releases/1/assets",
            "html_url": f"{web}/{self.owner}/{repository}/releases/tag/{self.tag}", "tarball_url": None, "zipball_url": None,
        }

    def answer(self, path, api, web, binary):
        """The status, the type and the bytes for a path. The path of the API begins with `/repos`."""
        parts = path.split("?")[0].strip("/").split("/")
        if parts[0] == "repos" and parts[1] == self.owner and parts[2] in self.repositories:
            return self.data(parts[2], parts[3:], api, web, binary)
        if len(parts) == 6 and parts[0] == self.owner and parts[2:5] == ["releases", "download", self.tag]:
            return self.asset(parts[1], parts[5])
        return 404, "application/json", b'{"message": "Not Found"}'

    def data(self, repository, rest, api, web, binary):
        release = self.release(repository, api, web)
        answers = {
            "": {
                "id": 1, "name": repository, "full_name": f"{self.owner}/{repository}", "private": False, "default_branch": "main",
                "description": f"The program {repository}", "owner": release["author"], "archived": False, "topics": [],
                "html_url": f"{web}/{self.owner}/{repository}",
            },
            "releases": [release],
            "releases/latest": release,
            f"releases/tags/{self.tag}": release,
            "releases/1": release,
            "releases/1/assets": release["assets"],
            "tags": [{"name": self.tag, "commit": {"sha": "0" * 40}}],
        }
        if rest[:2] == ["releases", "assets"] and rest[2:]:
            found = [asset for asset in release["assets"] if str(asset["id"]) == rest[2]]
            if found and binary:
                return self.asset(repository, found[0]["name"])
            answers.update({"/".join(rest): asset for asset in found})
        if (found := answers.get("/".join(rest))) is None:
            return 404, "application/json", b'{"message": "Not Found"}'
        return 200, "application/json", json.dumps(found).encode()

    def asset(self, repository, name):
        if (page := self.pages.get((repository, name))) is not None:
            return 200, "text/html; charset=utf-8" if b"<html" in page else "application/octet-stream", page
        data = self.repositories.get(repository, {}).get(name)
        return (404, "text/plain", b"Not Found") if data is None else (200, "application/octet-stream", data)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host = ""

    def do_CONNECT(self):
        publisher = self.server.publisher
        host = self.path.rsplit(":", 1)[0]
        if host not in HOSTS:
            with publisher.lock:
                publisher.refused.add(host)
            self.close_connection = True
            return self.send_error(502, f"{host} is not reached from here")
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        except OSError:  # the other side does not believe the certificate
            self.close_connection = True
            return None
        self.host, self.close_connection = host, False
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        return None

    def do_GET(self):
        publisher = self.server.publisher
        own = f"http://{self.server.server_address[0]}:{self.server.server_address[1]}"
        api, web = ("https://api.github.com", "https://github.com") if self.host else (f"{own}/api", own)
        path = self.path.removeprefix("/api")
        publisher.log(self.host, path)
        status, kind, data = publisher.answer(path, api, web, "octet-stream" in self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that goes away early is no fault


def certificate(folder):
    """Makes a certificate for the hosts, and the authority that signs it. Returns the context of the server and the authority's file."""
    authority, own = folder / "authority", folder / "own"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = "subjectAltName=" + ",".join(f"DNS:{host}" for host in HOSTS)
    for command in (
        [*new, "-subj", "/CN=bench", "-keyout", f"{authority}.key", "-out", f"{authority}.pem"],
        [*new, "-subj", "/CN=github.com", "-keyout", f"{own}.key", "-out", f"{own}.pem", "-CA", f"{authority}.pem", "-CAkey",
         f"{authority}.key", "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{own}.pem", f"{own}.key")
    return context, Path(f"{authority}.pem")


@contextlib.contextmanager
def served(publisher, folder):
    """Serves a publisher while the block runs. Gives its URL and the variables that make it GitHub for a program."""
    server = Server(("127.0.0.1", 0), Handler)
    server.publisher = publisher
    server.context, authority = certificate(folder)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        proxies = {name: url for name in ("HTTPS_PROXY", "https_proxy")}
        yield url, {**proxies, "SSL_CERT_FILE": str(authority)}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
