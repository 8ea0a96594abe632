#!/usr/bin/env bash
# Runs the tests of hubs with another S3 server in the place of moto. By hand: neither server is part of CI.
# usage: tests/oracles/hubs_on.sh SERVER [NEXTEST ARGUMENT...]    (SERVER: a path to s3s-fs, rclone or garage; needs botocore)
set -euo pipefail
export S3_SERVER=$1
shift
cd "$(dirname "$0")/../.."
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
PATH=$PWD/tests/oracles/hubs:$PATH cargo nextest run --locked --test it "${@:-hubs::}"
