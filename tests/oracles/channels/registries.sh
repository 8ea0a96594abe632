#!/usr/bin/env bash
# Publishes a release to real registries with `larder publish`: verdaccio for npm, pypiserver with twine, and Go, which
# downloads the module from the repository that was tagged. Each then serves it to its own client, a second run writes
# nothing, the next version replaces the first one, and no file has a token.
# usage: registries.sh LARDER    (needs npm, verdaccio, twine, pypi-server, go, python3, git and curl on PATH)
set -euo pipefail
larder=$(realpath "$1")
work=$(mktemp -d)
started=()
trap 'for id in "${started[@]}"; do kill "$id" 2> /dev/null || true; done; chmod -R u+w "$work"; rm -rf "$work"' EXIT
fail() {
    echo "registries.sh: $1" >&2
    exit 1
}
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
answers() { curl --silent --show-error --fail --retry 60 --retry-delay 1 --retry-connrefused "$1" > /dev/null; }

export HOME=$work/home LARDER_CACHE_DIR=$work/cache TMPDIR=$work/tmp
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false PIP_DISABLE_PIP_VERSION_CHECK=1
mkdir -p "$HOME" "$TMPDIR" "$work/project" "$work/wheels" "$work/served"

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
# Any login may upload: it is a registry of this test alone.
pypi-server run --port "$pypi_port" --interface 127.0.0.1 --disable-fallback --passwords . --authenticate . "$work/wheels" \
    > "$work/pypi.log" 2>&1 &
started+=($!)
hub_port=$(port)
python3 -m http.server "$hub_port" --bind 127.0.0.1 --directory "$work/served" > "$work/hub.log" 2>&1 &
started+=($!)
answers "http://127.0.0.1:$npm_port/-/ping"
answers "http://127.0.0.1:$pypi_port/simple/"
answers "http://127.0.0.1:$hub_port/"
token=$(curl --silent --fail -X PUT -H 'content-type: application/json' -d '{"name": "acme", "password": "secret-of-acme"}' \
    "http://127.0.0.1:$npm_port/-/user/org.couchdb.user:acme" | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
password=password-of-the-repository

cd "$work/project"
git init -q -b main .
git config user.name Acme
git config user.email acme@acme.example
git init -q --bare "$work/origin.git"
git remote add origin "$work/origin.git"
mkdir -p subsystems/arc/src module
cat > subsystems/arc/src/arc << 'SH'
#!/bin/sh
echo arc 1.2.3
SH
cat > subsystems/arc/recipe.yml << YAML
description: Draws an arc on the terminal
license: MIT
binaries: [arc]
build:
  source: {dir: src}
  platforms: all
  commands: ['cp arc "{{ out }}/arc{{ exe }}"']
publish:
  npm: {package: "@acme/arc"}
  pypi: {package: acme-arc, repository: "http://127.0.0.1:$pypi_port/"}
  gomodule: {module: arc.example/arc/module, dir: ../../module}
YAML
printf 'module arc.example/arc/module\n\ngo 1.21\n' > module/go.mod
printf '// Package arc draws an arc.\npackage arc\n' > module/arc.go
printf '.bin/\n.dist/\n.larder/\n' > .gitignore
pin() {
    cat > versions.yml << YAML
versions: {arc: $1}
platforms: [linux-amd64, linux-arm64, darwin-arm64, windows-amd64]
hub: {dir: $work/served}
publish:
  maintainer: Acme <acme@acme.example>
  url: "http://127.0.0.1:$hub_port/{{ tag }}/{{ asset }}"
YAML
    git add -A
    git commit -q -m "feat: $1"
    git push -q origin main
    "$larder" --quiet ensure all --platform all
}

export NPM_TOKEN=$token npm_config_registry=http://127.0.0.1:$npm_port/ TWINE_USERNAME=acme TWINE_PASSWORD=$password
# go asks a proxy on this machine, which reads the tags of the repository as a real one does.
go_port=$(port)
cat > "$work/proxy.py" << 'PYTHON'
import http.server, io, json, subprocess, sys, zipfile

origin, port, module, folder = sys.argv[1], int(sys.argv[2]), "arc.example/arc/module", "module"


def git(*arguments):
    return subprocess.run(["git", f"--git-dir={origin}", *arguments], capture_output=True)


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        version, _, kind = self.path.removeprefix(f"/{module}/@v/").rpartition(".")
        tag = f"refs/tags/{folder}/{version}"
        commit = git("rev-parse", "--verify", "--quiet", tag + "^{commit}").stdout.decode().strip()
        body = None
        if commit and kind == "info":
            body = json.dumps({"Version": version, "Time": "2024-01-01T00:00:00Z", "Origin": {"VCS": "git", "Hash": commit}}).encode()
        elif commit and kind == "mod":
            body = git("show", f"{commit}:{folder}/go.mod").stdout
        elif commit and kind == "zip":
            data = io.BytesIO()
            with zipfile.ZipFile(data, "w") as archive:
                for name in git("ls-tree", "-r", "--name-only", f"{commit}:{folder}").stdout.decode().split():
                    archive.writestr(f"{module}@{version}/{name}", git("show", f"{commit}:{folder}/{name}").stdout)
            body = data.getvalue()
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body or b"")


http.server.ThreadingHTTPServer(("127.0.0.1", port), Proxy).serve_forever()
PYTHON
python3 "$work/proxy.py" "$work/origin.git" "$go_port" > "$work/proxy.log" 2>&1 &
started+=($!)
export GOPROXY=http://127.0.0.1:$go_port GONOSUMDB='*' GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPATH=$work/gopath GOCACHE=$work/gocache
writes() {
    grep -c '"method":"PUT"' "$work/verdaccio.log" || true
    find "$work/wheels" -type f | sort | xargs sha256sum
    git --git-dir="$work/origin.git" for-each-ref refs/tags
}

pin v1.2.3
"$larder" publish all --dry-run > "$work/said"
[ "$(find "$work/wheels" -type f | wc -l)" = 0 ] || fail "a dry run writes"
"$larder" publish all > "$work/said" 2>&1 || fail "publishing failed: $(cat "$work/said")"
first=$(writes)
[ "$(head -n 1 <<< "$first")" -ge 5 ] || fail "the log of verdaccio does not show writes: $first"
"$larder" publish all > "$work/said" 2>&1 || fail "the second run failed: $(cat "$work/said")"
[ "$(writes)" = "$first" ] || fail "the second run writes"

serves() {
    rm -rf "$work/clean"
    mkdir -p "$work/clean/npm" "$work/clean/go"
    (cd "$work/clean/npm" && echo '{"private": true}' > package.json && npm install --silent @acme/arc > /dev/null)
    [ "$(node -p "require('$work/clean/npm/node_modules/@acme/arc/package.json').version")" = "$1" ] || fail "npm has not $1"
    [ "$("$work/clean/npm/node_modules/.bin/arc")" = "arc 1.2.3" ] || fail "npm's program does not run"
    python3 -m pip download --quiet --no-deps --dest "$work/clean/wheels" --index-url "http://127.0.0.1:$pypi_port/simple/" acme-arc
    ls "$work"/clean/wheels/acme_arc-"$1"-*.whl > /dev/null || fail "pip has not $1"
    (cd "$work/clean/go" && printf 'module x.example/x\n\ngo 1.21\n' > go.mod && go get -x "arc.example/arc/module@v$1" 2> /dev/null)
    [ "$(cd "$work/clean/go" && go list -m -f '{{.Version}}' arc.example/arc/module)" = "v$1" ] || fail "go has not v$1"
}
serves 1.2.3
printf '// Package arc draws a better arc.\npackage arc\n' > module/arc.go
pin v1.3.0
"$larder" publish all > "$work/said" 2>&1 || fail "the next version failed: $(cat "$work/said")"
serves 1.3.0
"$larder" publish status > "$work/status"
grep -q "1\.3\.0" "$work/status" || fail "the status is wrong: $(cat "$work/status")"

# npm takes it back; the others say what to do.
"$larder" unpublish arc@v1.3.0 > "$work/said" 2>&1 || true
[ "$(npm view @acme/arc dist-tags.latest)" = 1.2.3 ] || fail "latest of npm is not the version before: $(cat "$work/said")"
grep -q retract "$work/said" || fail "nothing is said about the module: $(cat "$work/said")"

# A wrong token is refused once, and the right is named.
printf '// Package arc draws the best arc.\npackage arc\n' > module/arc.go
pin v1.4.0
if NPM_TOKEN=wrong "$larder" publish all --to npm > "$work/said" 2>&1; then
    fail "a wrong token publishes"
fi
grep -q NPM_TOKEN "$work/said" || fail "the right is not named: $(cat "$work/said")"

for secret in "$token" "$password"; do
    if grep -rlF -- "$secret" "$work/project" "$work/home" "$work/cache" "$work/tmp" "$work/origin.git" "$work/served" "$work/said"; then
        fail "a file has a secret"
    fi
done
echo "registries.sh: npm, pip and go install what was published"
