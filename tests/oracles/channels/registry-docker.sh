#!/usr/bin/env bash
# Pushes an image into a registry on this machine and pulls it again: all digests stay the same.
# usage: tests/oracles/channels/registry-docker.sh FOLDER    (needs skopeo, docker-registry, curl and python3)
set -euo pipefail
folder=$(realpath "$1")
work=$(mktemp -d)
registry=
trap '[ -z "$registry" ] || kill "$registry" 2> /dev/null || true; rm -rf "$work"' EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$work/config.yml" << YAML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/storage}}
http: {addr: "127.0.0.1:$port"}
YAML
docker-registry serve "$work/config.yml" > "$work/log" 2>&1 &
registry=$!
curl --silent --show-error --fail --retry 50 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/v2/" > /dev/null

image=docker://127.0.0.1:$port/acme/arc:tag
skopeo --insecure-policy copy --quiet --all --preserve-digests "oci:$folder" "$image" --dest-tls-verify=false
skopeo --insecure-policy copy --quiet --all --preserve-digests "$image" "oci:$work/back" --src-tls-verify=false

digest() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' "$1/index.json"
}
there=$(skopeo inspect --raw --tls-verify=false "$image" | sha256sum | cut -d ' ' -f 1)
[ "sha256:$there" = "$(digest "$folder")" ] || {
    echo "registry-docker: the registry has sha256:$there, and $folder has $(digest "$folder")" >&2
    exit 1
}
[ "$(digest "$work/back")" = "$(digest "$folder")" ]
diff -r "$work/back/blobs" "$folder/blobs"
