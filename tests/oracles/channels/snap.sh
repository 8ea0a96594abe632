#!/usr/bin/env bash
# Judges the files of a snap: the project is valid by snapcraft's own schema, and snap.yaml says the same. unsquashfs reads
# each snap: it has the programs and its own snap.yaml, and everything belongs to root.
# usage: tests/oracles/channels/snap.sh FOLDER
# FOLDER is the folder `snap` of a rendered subsystem; needs check-jsonschema (CHECK_JSONSCHEMA may name it) and python3 with
# a YAML reader beside it, and unsquashfs.
set -euo pipefail
folder=$1
check=$(command -v "${CHECK_JSONSCHEMA:-check-jsonschema}") || {
    echo "snap.sh: there is no check-jsonschema" >&2
    exit 1
}

fail() {
    echo "snap.sh: $1" >&2
    exit 1
}

for file in snap/snapcraft.yaml meta/snap.yaml; do
    [ -f "$folder/$file" ] || fail "there is no $file in $folder"
done
"$check" --builtin-schema vendor.snapcraft "$folder/snap/snapcraft.yaml" || fail "snapcraft's schema refuses $folder/snap/snapcraft.yaml"

# The reader of YAML that check-jsonschema itself uses.
python=$(sed -n '1s/^#!//p' "$check")
"$python" - "$folder" <<'PYTHON' || fail "$folder/meta/snap.yaml is not that of a snap"
import re, sys
from ruamel.yaml import YAML

read = lambda name: YAML(typ="safe", pure=True).load(open(f"{sys.argv[1]}/{name}", encoding="utf-8"))
project, snap = read("snap/snapcraft.yaml"), read("meta/snap.yaml")
for key in ["name", "version", "summary", "description", "base", "grade", "confinement", "apps"]:
    assert project[key] == snap[key], key
assert list(project["platforms"]) == snap["architectures"], "architectures"
# The rules of snapd.
assert re.fullmatch(r"(?:[a-z0-9]+-?)*[a-z](?:-?[a-z0-9])*", snap["name"]) and len(snap["name"]) <= 40, snap["name"]
assert re.fullmatch(r"[a-zA-Z0-9](?:[a-zA-Z0-9:.+~-]{0,30}[a-zA-Z0-9+~])?", snap["version"]), snap["version"]
assert len(snap["summary"]) <= 78 and "\n" not in snap["summary"], snap["summary"]
for name, app in snap["apps"].items():
    assert re.fullmatch(r"[A-Za-z0-9]+(?:-?[A-Za-z0-9])*", name), name
    assert re.fullmatch(r"[A-Za-z0-9/. _#:$-]*", app["command"]), app
(part,) = project["parts"].values()
for source, digest in zip(part["source"], part["source-checksum"], strict=True):
    assert source.keys() == digest.keys(), source
    assert all(re.fullmatch("sha256/[0-9a-f]{64}", text) for text in digest.values()), digest
PYTHON
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for arch in $(sed -n '/^architectures:/,/^apps:/s/^- //p' "$folder/meta/snap.yaml"); do
    snaps=("$folder"/*_"$arch".snap)
    [ -f "${snaps[0]}" ] && [ ${#snaps[@]} = 1 ] || fail "there is no snap for $arch in $folder"
    rm -rf "$work/image"
    unsquashfs -quiet -no-progress -dest "$work/image" "${snaps[0]}" > /dev/null || fail "unsquashfs refuses ${snaps[0]}"
    unsquashfs -stat "${snaps[0]}" | grep -q '^Compression xz$' || fail "${snaps[0]} is not compressed with xz"
    others=$(unsquashfs -lln "${snaps[0]}" | grep squashfs-root | awk '$2 != "0/0" || $1 !~ /^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--)$/') || true
    [ -z "$others" ] || fail "${snaps[0]} has wrong owners or modes: $others"
    diff <(sed "/^architectures:/,/^apps:/{/^- /{/^- $arch\$/!d}}" "$folder/meta/snap.yaml") "$work/image/meta/snap.yaml" \
        || fail "${snaps[0]} has another snap.yaml"
    for command in $(sed -n 's/^    command: "\(.*\)"$/\1/p' "$folder/meta/snap.yaml"); do
        [ -x "$work/image/$command" ] || fail "${snaps[0]} has no program $command"
    done
done
echo "snap.sh: the files in $folder are valid"
