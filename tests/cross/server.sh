# Serves $root/www on a free port of the loopback: sets `port` and `server`.
mkdir -p "$root/www"
python3 - "$root/www" "$work/port" << 'PYTHON' &
import functools, http.server, os, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
http.server.SimpleHTTPRequestHandler.log_message = lambda *_: None
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
with open(sys.argv[2] + ".new", "w") as file:
    file.write(str(server.server_address[1]))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
PYTHON
server=$!
for _ in $(seq 100); do [ -s "$work/port" ] && break || sleep 0.05; done
port=$(cat "$work/port")
