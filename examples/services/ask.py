"""Prints what a server on this machine answers."""

import sys
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(f"http://127.0.0.1:{sys.argv[1]}/", timeout=10) as answer:
    print(answer.read().decode(), end="")
