#!/usr/bin/env bash
# Judges npm packages: npm packs each folder into what the tarball has; node reads every script.
# usage: tests/oracles/channels/npm.sh FOLDER    (needs node, npm and python3)
set -euo pipefail
folder=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work npm_config_update_notifier=false npm_config_offline=true

find "$folder" -name '*.js' -print0 | xargs -0 -n 1 node --check
count=0
while IFS= read -r manifest; do
    package=$(dirname "$manifest")
    (cd "$work" && npm pack --silent --json "$package" > packed.json)
    file=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[0]["filename"])' "$work/packed.json")
    [ -f "$folder/$file" ] || {
        echo "npm: $folder has no $file for $package" >&2
        exit 1
    }
    # The same files with the same modes and bytes.
    python3 - "$work/$file" "$folder/$file" << 'PYTHON'
import json, sys, tarfile


def read(path):
    tar = tarfile.open(path)
    members = tar.getmembers()
    return {m.name: (m.mode & 0o777, tar.extractfile(m).read()) for m in members}


theirs, ours = map(read, sys.argv[1:])
for name in sorted(theirs.keys() | ours.keys()):
    if theirs.get(name) != ours.get(name):
        what = [(entry and (oct(entry[0]), len(entry[1]))) for entry in (theirs.get(name), ours.get(name))]
        sys.exit(f"npm: {sys.argv[2]}: {name}: npm packs {what[0]}, and the tarball has {what[1]}")
manifest = json.loads(ours["package/package.json"][1])
if "scripts" in manifest:
    sys.exit(f"npm: {sys.argv[2]} has scripts")
for name in [n for n in ours if n.startswith("package/bin/")]:
    if ours[name][0] != 0o755:
        sys.exit(f"npm: {sys.argv[2]}: {name} can't be executed")
PYTHON
    count=$((count + 1))
done < <(find "$folder" -name package.json)
[ "$count" -ge 2 ] || {
    echo "npm: $folder has $count packages" >&2
    exit 1
}
