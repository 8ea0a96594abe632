#!/usr/bin/env bash
# BuildGrid as the cache of two machines: what the first shares, the second has. BuildGrid checks every digest itself.
# usage: tests/oracles/reapi.sh    (installs BuildGrid from PyPI into target/oracles)
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=$PWD/target/oracles/buildgrid
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" || true; rm -rf "$work"' EXIT

if [ ! -x "$venv/bin/bgd" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check buildgrid==0.4.4
fi
# Examples are built with the tests. `cargo build` would compile half of the dependencies again, with other features.
cargo test --quiet --locked --no-run
load=${CARGO_TARGET_DIR:-target}/debug/examples/remote_load

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$work/server.yml" <<YAML
server:
  - !channel
    address: 127.0.0.1:$port
    insecure-mode: true
authorization: {method: none}
connections: []
schedulers: []
storages:
  - !lru-storage &storage
    size: 512M
caches:
  - !lru-action-cache &cache
    storage: *storage
    max-cached-refs: 256
    allow-updates: true
instances:
  - name: main
    services:
      - !cas {storage: *storage}
      - !bytestream {storage: *storage}
      - !action-cache {cache: *cache}
YAML
"$venv/bin/bgd" server start "$work/server.yml" > "$work/log" 2>&1 &
server=$!
python3 - "$port" <<'PY' || { cat "$work/log"; exit 1; }
import socket, sys, time
for _ in range(300):
    try:
        sys.exit(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close())
    except OSError:
        time.sleep(0.1)
sys.exit("BuildGrid does not start")
PY

for mode in share find; do
    "$load" "$mode" --url "grpc://127.0.0.1:$port/main" --builds 40 --files 60 || { cat "$work/log"; exit 1; }
done
echo "what one machine shares through BuildGrid, another has"
