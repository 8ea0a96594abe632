#!/usr/bin/env bash
# Renders all channels of a binary of 300 MB that can't be compressed, and judges the memory that this takes.
# usage: large.sh LARDER      The limit is LARDER_LARGE_MIB (default 128), less than half of the binary.
set -euo pipefail
larder=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
tools=$(cd "$here/../../.." && pwd)/target/oracles
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$tools/bin/python" "$here/project.py" "$work/project" "$tools/channels/built" --large 300
export LARDER_CACHE_DIR=$work/cache HOME=$work
cd "$work/project"
"$larder" --quiet ensure all --platform all
"$larder" --quiet package all --platform all
python3 - "${LARDER_LARGE_MIB:-128}" "$larder" publish all --render --out "$work/out" <<'PY'
import resource, subprocess, sys, time
limit, command = int(sys.argv[1]), sys.argv[2:]
start = time.monotonic()
code = subprocess.run(command).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
print(f"300 MB in all channels: {time.monotonic() - start:.1f} s, peak of {peak} MiB in memory (the limit is {limit} MiB)")
sys.exit(code or peak > limit)
PY
du -sh --apparent-size "$work"/out/*/* | sed "s|$work/out/||"
