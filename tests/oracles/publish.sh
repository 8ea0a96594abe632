#!/usr/bin/env bash
# The whole story of `larder publish all`, with real peers: bare git repositories, verdaccio, pypiserver, docker-registry, stand-ins
# of a NuGet feed and of a Go proxy, and the fake GitHub as the hub. All hold version 1, and each serves it to its own client;
# a second run writes nothing anywhere; version 2 takes its place everywhere; no file has a credential.
# usage: tests/oracles/publish.sh LARDER [FAKE_GITHUB]    (after tests/oracles/channels.sh, which installs the judges; or with
# JUDGES=FOLDER:… that has them. FAKE_GITHUB is the example of that name; it is built if it is not given.)
set -euo pipefail
larder=$(realpath "$1")
cd "$(dirname "$0")/../.."
here=$PWD/tests/oracles
tools=$PWD/target/oracles
export PATH=${JUDGES:+$JUDGES:}$tools/bin:$tools/channels/npm/node_modules/.bin:$PATH
fake=${2:-}
if [ -z "$fake" ]; then
    # Examples are built with the tests.
    cargo test --quiet --locked --no-run
    fake=${CARGO_TARGET_DIR:-target}/debug/examples/fake_github
fi
fake=$(realpath "$fake")

work=$(mktemp -d)
started=()
stop() {
    exec 9>&- || true
    kill "${started[@]}" 2> /dev/null || true
    chmod -R u+w "$work"
    rm -rf "$work"
}
trap stop EXIT
say() { printf '%s (at %d s)\n' "$1" "$SECONDS"; }
fail() {
    echo "publish.sh: $1" >&2
    exit 1
}
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
answers() { curl --silent --fail --retry 60 --retry-delay 1 --retry-connrefused "$1" > /dev/null; }
field() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }

export HOME=$work/home LARDER_CACHE_DIR=$work/cache TMPDIR=$work/tmp DOCKER_CONFIG=$work/docker
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false PIP_DISABLE_PIP_VERSION_CHECK=1
unset GITHUB_ACTIONS CI GITHUB_TOKEN
mkdir -p "$HOME" "$TMPDIR" "$DOCKER_CONFIG" "$work/project" "$work/wheels" "$work/images"
printf '[user]\n\tname = Acme\n\temail = acme@acme.example\n[init]\n\tdefaultBranch = main\n' > "$HOME/.gitconfig"

# --- the servers ---
mkfifo "$work/hold"
env -u LARDER_FAKE_GITHUB_LOG "$fake" acme/tools < "$work/hold" > "$work/github.json" 2> "$work/github.log" &
started+=($!)
exec 9> "$work/hold"
npm_port=$(port)
cat > "$work/verdaccio.yaml" << YAML
storage: $work/storage
auth: {htpasswd: {file: $work/htpasswd}}
packages: {"**": {access: \$all, publish: \$authenticated}}
log: {type: stdout, format: json, level: http}
YAML
verdaccio --config "$work/verdaccio.yaml" --listen "127.0.0.1:$npm_port" > "$work/verdaccio.log" 2>&1 &
started+=($!)
pypi_port=$(port)
pypi-server run --port "$pypi_port" --interface 127.0.0.1 --disable-fallback --passwords . --authenticate . "$work/wheels" \
    > "$work/pypi.log" 2>&1 &
started+=($!)
docker_port=$(port)
cat > "$work/registry.yml" << YAML
version: 0.1
log: {level: error, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $work/images}}
http: {addr: "127.0.0.1:$docker_port"}
YAML
docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
started+=($!)
feed_port=$(port) proxy_port=$(port)
key=key-of-the-feed-5b1d
python3 "$here/publish/feeds.py" "$feed_port" "$proxy_port" "$key" "$work/project.git" arc.example/arc/module module "$work/feeds.log" &
started+=($!)
answers "http://127.0.0.1:$npm_port/-/ping"
answers "http://127.0.0.1:$pypi_port/simple/"
answers "http://127.0.0.1:$docker_port/v2/"
token=$(curl --silent --fail -X PUT -H 'content-type: application/json' -d '{"name": "acme", "password": "secret-of-acme"}' \
    "http://127.0.0.1:$npm_port/-/user/org.couchdb.user:acme" | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
password=password-of-the-repository-77aa
for _ in $(seq 100); do [ -s "$work/github.json" ] && break || sleep 0.1; done
repositories=(tap bucket arc-bin winget-pkgs packages)
for name in "${repositories[@]}" project; do
    git init -q --bare -b "$([ "$name" = arc-bin ] && echo master || echo main)" "$work/$name.git"
done
say "the servers are there"

# --- the project ---
hub_token=$(field "$work/github.json" token)
export GH_TOKEN=$hub_token GITHUB_API_URL GITHUB_SERVER_URL LARDER_GITHUB_PACE=0s LARDER_GITHUB_SETTLE=0s
GITHUB_API_URL=$(field "$work/github.json" api)
GITHUB_SERVER_URL=$(field "$work/github.json" web)
export NPM_TOKEN=$token npm_config_registry=http://127.0.0.1:$npm_port/ TWINE_USERNAME=acme TWINE_PASSWORD=$password
export CHOCOLATEY_API_KEY=$key GOPROXY=http://127.0.0.1:$proxy_port GONOSUMDB='*' GOFLAGS=-mod=mod GOTOOLCHAIN=local
export GOPATH=$work/gopath GOCACHE=$work/gocache
cd "$work/project"
git init -q .
git remote add origin "$work/project.git"
mkdir -p subsystems/arc/src module
cat > subsystems/arc/recipe.yml << YAML
description: Draws lines on the terminal
homepage: https://acme.example/arc
license: MIT
binaries: [arc]
build:
  source: {dir: src}
  platforms: all
  commands: ['cp arc "{{ out }}/arc{{ exe }}"']
publish:
  homebrew: {tap: {git: "file://$work/tap.git"}}
  scoop: {bucket: {git: "file://$work/bucket.git"}}
  aur: {git: "file://$work/arc-bin.git"}
  winget: {repository: {git: "file://$work/winget-pkgs.git"}, publisher: Acme}
  chocolatey: {push: "http://127.0.0.1:$feed_port"}
  deb: {repository: {git: "file://$work/packages.git"}}
  rpm: {repository: {git: "file://$work/packages.git"}}
  docker: {images: ["127.0.0.1:$docker_port/acme/arc"]}
  npm: {package: "@acme/arc"}
  pypi: {package: acme-arc, repository: "http://127.0.0.1:$pypi_port/"}
  gomodule: {module: arc.example/arc/module, dir: ../../module}
  installer: {}
YAML
printf 'module arc.example/arc/module\n\ngo 1.21\n' > module/go.mod
printf '.bin/\n.dist/\n.larder/\n' > .gitignore
# Pins version $1, commits it, and installs every platform.
pin() {
    printf '#!/bin/sh\necho "arc %s"\n' "$1" > subsystems/arc/src/arc
    printf '// Package arc draws lines: %s.\npackage arc\n' "$1" > module/arc.go
    cat > versions.yml << YAML
versions: {arc: v$1}
platforms: [linux-amd64, linux-arm64, darwin-arm64, windows-amd64]
hub: {github: acme/tools}
publish: {maintainer: Acme <acme@acme.example>}
YAML
    git add -A
    git commit -q -m "feat: version $1"
    git push -q origin main
    "$larder" --quiet ensure all --platform all
}
publish() { "$larder" publish all > "$work/said" 2>&1 || fail "publishing failed: $(cat "$work/said")"; }
# What every remote has, and how often it was written to.
state() {
    for name in "${repositories[@]}" project; do git --git-dir="$work/$name.git" for-each-ref; done
    grep -c '"method":"PUT"' "$work/verdaccio.log" || true
    find "$work/wheels" "$work/images" -type f -printf '%p %T@ %s\n' | sort
    grep -cE '"(POST|PUT|PATCH|DELETE) ' "$work/registry.log" || true
    grep -c 'POST /' "$work/pypi.log" || true
    grep -c '^feed PUT' "$work/feeds.log" || true
    curl --silent --fail -H "authorization: Bearer $hub_token" "$GITHUB_API_URL/repos/acme/tools/releases" |
        python3 -c 'import json, sys
for release in json.load(sys.stdin):
    print(release["id"], release["tag_name"], release["draft"], sorted((a["id"], a["name"], a["digest"]) for a in release["assets"]))'
}

# --- every client gets version $1 ---
asset() { echo "$GITHUB_SERVER_URL/acme/tools/releases/download/arc-v$version/$1"; }
digest_of() { curl --silent --fail --location "$1" | sha256sum | cut -d ' ' -f 1; }
clone() {
    rm -rf "$work/clone"
    git clone -q "$work/$1.git" "$work/clone"
}
serves() {
    version=$1
    local linux windows
    linux=$(digest_of "$(asset arc-linux-amd64.tar.gz)")
    windows=$(digest_of "$(asset arc-windows-amd64.zip)")

    clone tap
    bash "$here/channels/homebrew.sh" "$work/clone/Formula" > /dev/null
    ruby "$here/channels/homebrew_shim.rb" "$work/clone/Formula/arc.rb" > "$work/formula.json"
    [ "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["linux-intel"]["sha256"])' "$work/formula.json")" = "$linux" ] ||
        fail "homebrew: the formula has another digest than the asset"
    clone bucket
    python3 - "$work/clone/bucket/arc.json" "$version" "$windows" << 'PYTHON' || fail "scoop: the manifest is not that of $version"
import json, sys
manifest = json.load(open(sys.argv[1]))
sys.exit((manifest["version"], manifest["architecture"]["64bit"]["hash"]) != tuple(sys.argv[2:]))
PYTHON
    clone arc-bin
    rm -rf "$work/clone/.git"
    # makepkg is run by another user, who does not see the folders of this test.
    TMPDIR=/tmp bash "$here/channels/aur.sh" "$work/clone" > /dev/null
    grep -q "pkgver = $version\$" "$work/clone/.SRCINFO" || fail "aur: not $version"
    grep -q "$linux" "$work/clone/.SRCINFO" || fail "aur: another digest"
    clone winget-pkgs
    grep -riq "InstallerSha256.*$windows" "$work/clone/manifests/a/Acme/arc/$version" || fail "winget: no manifest of $version"
    clone packages
    grep -q "^Version: $version\$" "$work/clone/dists/stable/main/binary-amd64/Packages" || fail "deb: the list has not $version"
    dpkg-deb -x "$(find "$work/clone" -name "arc_${version}_amd64.deb")" "$work/root"
    [ "$("$work/root/usr/bin/arc")" = "arc $version" ] || fail "deb: the program is another one"
    [ "$(rpm -qp --nosignature --qf '%{VERSION}' "$(find "$work/clone" -name "arc-$version-1.x86_64.rpm")")" = "$version" ] || fail "rpm: not $version"
    rm -rf "$work/root" "$work/clean"

    mkdir -p "$work/clean/npm" "$work/clean/go"
    (cd "$work/clean/npm" && echo '{"private": true}' > package.json && npm install --silent @acme/arc > /dev/null)
    [ "$("$work/clean/npm/node_modules/.bin/arc")" = "arc $version" ] || fail "npm: not $version"
    python3 -m venv "$work/clean/venv"
    "$work/clean/venv/bin/pip" install --quiet --index-url "http://127.0.0.1:$pypi_port/simple/" acme-arc
    [ "$("$work/clean/venv/bin/arc")" = "arc $version" ] || fail "pypi: not $version"
    for tag in "$version" latest; do
        skopeo inspect --tls-verify=false "docker://127.0.0.1:$docker_port/acme/arc:$tag" > "$work/image.json"
        grep -q "\"org.opencontainers.image.version\": \"$version\"" "$work/image.json" || fail "docker: $tag is not $version"
    done
    skopeo --insecure-policy copy --quiet --all --src-tls-verify=false "docker://127.0.0.1:$docker_port/acme/arc:$version" "oci:$work/clean/image"
    curl --silent --fail "http://127.0.0.1:$feed_port/api/v2/package/arc/$version" > "$work/clean/arc.nupkg" || fail "chocolatey: no $version"
    unzip -p "$work/clean/arc.nupkg" tools/chocolateyinstall.ps1 | grep -qi "$windows" || fail "chocolatey: another digest"
    (cd "$work/clean/go" && printf 'module x.example/x\n\ngo 1.21\n' > go.mod && go get "arc.example/arc/module@v$version" 2> /dev/null)
    [ "$(cd "$work/clean/go" && go list -m -f '{{.Version}}' arc.example/arc/module)" = "v$version" ] || fail "gomodule: not $version"
    curl --silent --fail --location "$(asset install.sh)" > "$work/install.sh"
    sh "$work/install.sh" --to "$work/clean/bin" > /dev/null
    [ "$("$work/clean/bin/arc")" = "arc $version" ] || fail "installer: not $version"
}

pin 1.2.3
before=$(state)
"$larder" publish all --dry-run > "$work/said" 2>&1 || fail "the dry run failed: $(cat "$work/said")"
[ "$(state)" = "$before" ] || fail "a dry run writes"
publish
say "version 1.2.3 is published"
serves 1.2.3
say "every client has version 1.2.3"
before=$(state)
publish
[ "$(state)" = "$before" ] || fail "the second run writes: $(diff <(echo "$before") <(state))"
say "a second run writes nothing"
pin 1.3.0
publish
serves 1.3.0
"$larder" --json publish status > "$work/status.json"
python3 - "$work/status.json" << 'PYTHON' || fail "the status is wrong: $(cat "$work/status.json")"
import json, sys
status = json.load(open(sys.argv[1]))
channels = status["subsystems"][0]["channels"]
sys.exit(not status["complete"] or len(channels) != 12 or any(c["state"] != "published" or c["publishes"] != 2 for c in channels))
PYTHON
say "version 1.3.0 took its place"
for secret in "$token" "$password" "$key" "$hub_token"; do
    if grep -rlF -- "$secret" "$work/project" "$HOME" "$work/cache" "$TMPDIR" "$DOCKER_CONFIG" "$work"/*.git "$work/said"; then
        fail "a file has a credential"
    fi
done
say "no file has a credential: 12 channels, two versions"
