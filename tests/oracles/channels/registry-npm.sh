#!/usr/bin/env bash
# Publishes npm packages to a registry on this machine, installs the main one in an empty folder and runs its programs.
# usage: VERDACCIO=PROGRAM tests/oracles/channels/registry-npm.sh FOLDER    (needs node, npm, curl and python3)
# LARDER_JUDGE_ARGUMENT is the argument that the programs are started with (default --version).
set -euo pipefail
folder=$(realpath "$1")
verdaccio=${VERDACCIO:-verdaccio}
argument=${LARDER_JUDGE_ARGUMENT:---version}
work=$(mktemp -d)
registry=
trap '[ -z "$registry" ] || kill "$registry" 2> /dev/null || true; rm -rf "$work"' EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$work/verdaccio.yaml" << YAML
storage: $work/storage
max_body_size: 500mb
packages: {"**": {access: \$all, publish: \$anonymous}}
log: {type: stdout, format: pretty, level: error}
YAML
mkdir "$work/home"
export HOME=$work/home npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
"$verdaccio" --config "$work/verdaccio.yaml" --listen "127.0.0.1:$port" > "$work/log" 2>&1 &
registry=$!
url=http://127.0.0.1:$port
curl --silent --show-error --fail --retry 50 --retry-delay 1 --retry-connrefused "$url/-/ping" > /dev/null
printf 'registry=%s/\n//127.0.0.1:%s/:_authToken=anonymous\n' "$url" "$port" > "$HOME/.npmrc"

# The main package is the one with optional dependencies. It is published last.
python3 - "$folder" > "$work/packages" << 'PYTHON'
import json, pathlib, sys, tarfile

packages = []
for path in pathlib.Path(sys.argv[1]).glob("*.tgz"):
    manifest = json.load(tarfile.open(path).extractfile("package/package.json"))
    packages.append(("optionalDependencies" in manifest, str(path), manifest))
packages.sort(key=lambda package: package[:2])
for is_main, path, manifest in packages:
    print(path, manifest["name"], manifest.get("publishConfig", {}).get("tag", "latest"), *manifest.get("bin", {}))
PYTHON
while read -r file name tag programs; do
    npm publish --silent "$file" > /dev/null || {
        echo "registry-npm: $file can't be published" >&2
        cat "$work/log" >&2
        exit 1
    }
done < "$work/packages"
read -r file name tag programs < <(tail -n 1 "$work/packages")
[ -n "$programs" ] || {
    echo "registry-npm: $file has no programs" >&2
    exit 1
}

mkdir "$work/clean"
cd "$work/clean"
echo '{"private": true}' > package.json
npm install --silent "$name@$tag" > /dev/null
for program in $programs; do
    direct=$(find "$work/clean/node_modules" -path "*-$(node -p 'process.platform + "-" + process.arch')*/bin/$program" | head -n 1)
    [ -n "$direct" ] || {
        echo "registry-npm: no package with $program was installed" >&2
        exit 1
    }
    expected=$("$direct" "$argument")
    [ "$(node_modules/.bin/"$program" "$argument")" = "$expected" ]
    [ "$(npx --no-install "$program" "$argument")" = "$expected" ]
done

# Without its optional dependencies, a program says what is missing.
mkdir "$work/bare"
cd "$work/bare"
echo '{"private": true}' > package.json
npm install --silent --omit=optional "$name@$tag" > /dev/null
if node_modules/.bin/"${programs%% *}" > "$work/said" 2>&1 || ! grep -q -- '--include=optional' "$work/said"; then
    echo "registry-npm: without the package of the platform it says: $(cat "$work/said")" >&2
    exit 1
fi
