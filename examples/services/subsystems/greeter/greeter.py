#!/usr/bin/env python3
"""A server that greets. Its argument is the port."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

VERSION = "@VERSION@"


class Greeter(BaseHTTPRequestHandler):
    def do_GET(self):
        text = f"hello from greeter {VERSION}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if sys.argv[1] == "--version":
    print(f"greeter {VERSION}")
else:
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Greeter).serve_forever()
