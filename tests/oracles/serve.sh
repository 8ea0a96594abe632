#!/usr/bin/env bash
# Judges a running server: schemathesis sends it what docs/openapi.json describes, and what it does not; prometheus-client
# and, where it is installed, promtool read its metrics; openapi-spec-validator reads the description.
# usage: tests/oracles/serve.sh LARDER    (the program; installs the tools, from PyPI, into target/oracles)
# LARDER_JUDGE_SECONDS is how long schemathesis may take (default 60).
set -euo pipefail
larder=$(realpath "$1")
cd "$(dirname "$0")/../.."
tools=$PWD/target/oracles
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; rm -rf "$work"' EXIT

[ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5 openapi-spec-validator==0.9.0 prometheus-client==0.26.0

"$tools/bin/openapi-spec-validator" docs/openapi.json

mkdir "$work/binaries"
for file in tool-1.0.0-linux-x86_64 tool-1.1.0-linux-x86_64 tool-1.0.0-windows-x86_64.exe storage-server-1.0.0-darwin-aarch64; do
    head -c 5000 /dev/urandom > "$work/binaries/$file"
done
touch -d '1 hour ago' "$work"/binaries/*
"$larder" serve --port 0 --grpc-port 0 --dir "$work/binaries" --data "$work/data" > "$work/listening" 2> "$work/log" &
server=$!
for _ in $(seq 300); do
    [ -s "$work/listening" ] && break
    sleep 0.1
done
url=http://$("$tools/bin/python" -c 'import json, sys; print(json.load(sys.stdin)["http"])' < "$work/listening")
curl --silent --show-error --fail --retry 20 --retry-delay 1 "$url/readyz" > /dev/null
curl --silent --show-error --fail "$url/openapi.json" | diff - docs/openapi.json

# Many operations answer 404 to most of what schemathesis makes up; the warning about that says nothing.
# It keeps what it finds in the current folder.
judge() {
    (cd "$work" && "$tools/bin/schemathesis" run "$url/openapi.json" --checks all --max-time "${LARDER_JUDGE_SECONDS:-60}" --seed 1 \
        --warnings off --no-color --request-timeout 10 --wait-for-schema 10 "$@") > "$work/judged" || {
        cat "$work/judged"
        exit 1
    }
    grep -A 30 '= SUMMARY =' "$work/judged"
}
judge --exclude-path-regex '^/api/(nodes|channels|rollouts|events)'
# What a rollout asks for has rules that a schema can't express, such as steps that grow. The events never end.
judge --include-path-regex '^/api/(nodes|channels|rollouts)' --exclude-checks positive_data_acceptance

# Counters of requests that schemathesis made are among them.
curl --silent --show-error --fail "$url/metrics" > "$work/metrics"
"$tools/bin/python" - "$work/metrics" <<'PY'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = {family.name: family for family in text_string_to_metric_families(open(sys.argv[1]).read())}
assert len(families) >= 10, families
assert sum(sample.value for sample in families["larder_serve_requests"].samples) > 100
PY
if command -v promtool > /dev/null; then
    # promtool knows no end mark of OpenMetrics.
    grep -v '^# EOF$' "$work/metrics" | promtool check metrics || [ $? = 3 ]
fi

kill "$server"
wait "$server"
server=
if grep -iE 'panicked|"level":"error"|^error' "$work/log"; then
    echo "the server has logged an error"
    exit 1
fi
echo "schemathesis finds nothing, and the metrics and the description are read"
