#!/usr/bin/env bash
# A client that is not Rust drives the fleet's service: grpcio, with messages that it makes from what reflection tells.
# usage: tests/oracles/grpc.sh LARDER    (the program; installs grpcio, from PyPI, into target/oracles)
set -euo pipefail
larder=$(realpath "$1")
cd "$(dirname "$0")/../.."
tools=$PWD/target/oracles
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check \
    grpcio==1.85.3 grpcio-reflection==1.85.1 grpcio-health-checking==1.85.1

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$work/key.pem" -out "$work/cert.pem" 2> /dev/null
"$tools/bin/python" tests/oracles/grpc/session.py "$larder" "$work"
