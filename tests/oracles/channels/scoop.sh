#!/usr/bin/env bash
# Judges a rendered manifest by Scoop's own JSON schema.
# usage: SCOOP_SCHEMA=FILE tests/oracles/channels/scoop.sh FOLDER    (with <name>.json; needs check-jsonschema)
set -euo pipefail
PATH=$PATH:$(realpath "$(dirname "$0")/../../..")/target/oracles/bin
schema=$(realpath "${SCOOP_SCHEMA:?is the path of schema.json of Scoop}")
cd "$1"
manifest=$(echo *.json)
[ -f "$manifest" ] || { echo "$1 has not exactly one manifest: $manifest" >&2; exit 1; }
check-jsonschema --schemafile "$schema" "$manifest" > /dev/stderr
echo "scoop: $manifest is valid"
