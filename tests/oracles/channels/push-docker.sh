#!/usr/bin/env bash
# Pushes images with larder into the real registry on this machine: without a login, with a password, and with tokens that a
# server beside it signs. skopeo finds the same digests; a second run sends no write; a run that is killed at any moment is
# completed by the next one; a base is fetched from the registry; a version is taken back.
# usage: tests/oracles/channels/push-docker.sh LARDER    (needs skopeo, docker-registry, openssl, perl, curl and python3)
set -euo pipefail
larder=$(realpath "$1")
work=$(mktemp -d)
started=()
stop() {
    kill "${started[@]}" 2> /dev/null || true
    rm -rf "$work"
}
trap stop EXIT
refuse() {
    echo "push-docker: $1" >&2
    exit 1
}
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
digest() {
    skopeo inspect --raw --tls-verify=false --authfile "$DOCKER_CONFIG/config.json" "docker://$1" | sha256sum | cut -d ' ' -f 1
}
writes() {
    grep -cE '"(POST|PUT|PATCH|DELETE) /v2/' "$work/log" || true
}

# The certificate that the registry trusts, and a server that signs tokens with its key.
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 -subj /CN=issuer 2> /dev/null
tokens=$(free_port)
cat > "$work/tokens.py" << 'PYTHON'
import base64, http.server, json, subprocess, sys, time, urllib.parse

port, key, cert, login = int(sys.argv[1]), sys.argv[2], sys.argv[3], base64.b64encode(sys.argv[4].encode()).decode()
der = "".join(line for line in open(cert).read().splitlines() if "-----" not in line)


def part(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("authorization") != f"Basic {login}":
            self.send_response(401)
            self.end_headers()
            return
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {"iss": "issuer", "sub": "pusher", "aud": query["service"][0], "exp": now + 300, "nbf": now - 10, "iat": now,
                  "jti": str(time.time_ns()), "access": access}
        text = part({"typ": "JWT", "alg": "RS256", "x5c": [der]}) + "." + part(claims)
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text.encode(), check=True, stdout=subprocess.PIPE)
        body = json.dumps({"token": text + "." + part(signed.stdout)}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
PYTHON
python3 "$work/tokens.py" "$tokens" "$work/key.pem" "$work/cert.pem" pusher:correct-horse &
started+=($!)
perl -e 'print "pusher:", crypt("correct-horse", q{$2y$05$abcdefghijklmnopqrstuu}), "\n"' > "$work/htpasswd"

export HOME=$work/home DOCKER_CONFIG=$work/docker LARDER_CACHE_DIR=$work/cache
mkdir -p "$HOME" "$DOCKER_CONFIG"
project=$work/project
mkdir -p "$project/subsystems/arc/src"
printf '#!/bin/sh\necho arc\n' > "$project/subsystems/arc/src/arc"
pin() {
    cat > "$project/versions.yml" << YAML
versions: {arc: $1}
platforms: [linux-amd64, linux-arm64]
publish: {maintainer: Acme <tools@acme.example>, retry: {max: 1, base_delay: 50ms}}
YAML
    cat > "$project/subsystems/arc/recipe.yml" << YAML
description: Draws an arc on the terminal
homepage: https://acme.example/arc
license: MIT
binaries: [arc]
build:
  source: {dir: src}
  platforms: all
  commands: ['cp arc "{{ out }}/arc"']
publish:
  docker: {images: ["$2"], base: "${3:-scratch}"}
YAML
    "$larder" -C "$project" --quiet ensure all --platform all
}
publish() {
    "$larder" -C "$project" --quiet publish all > "$work/said" 2>&1 || {
        cat "$work/said" >&2
        refuse "$1"
    }
}

for login in none password tokens; do
    port=$(free_port)
    auth=
    case $login in
        password) auth="auth: {htpasswd: {realm: here, path: $work/htpasswd}}" ;;
        tokens) auth="auth: {token: {realm: \"http://127.0.0.1:$tokens/\", service: here, issuer: issuer, rootcertbundle: $work/cert.pem}}" ;;
    esac
    cat > "$work/config.yml" << YAML
version: 0.1
log: {level: error, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $work/storage-$login}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"}
$auth
YAML
    docker-registry serve "$work/config.yml" > "$work/log" 2>&1 &
    registry=$!
    started+=("$registry")
    curl --silent --retry 50 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/v2/" > /dev/null
    printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' "$port" "$(printf pusher:correct-horse | base64)" > "$DOCKER_CONFIG/config.json"
    image=127.0.0.1:$port/acme/arc

    pin v1.2.3 "$image"
    # Killed at ever later moments: what is left is always completed.
    for pause in 0.05 0.1 0.15 0.2 0.3 0.4 0.6; do
        "$larder" -C "$project" --quiet publish all > /dev/null 2>&1 &
        killed=$!
        sleep "$pause"
        kill -KILL "$killed" 2> /dev/null || true
        wait "$killed" 2> /dev/null || true
    done
    publish "$login: an image is not pushed"
    layout=$project/.dist/channels/arc/docker
    wanted=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' "$layout/index.json")
    for tag in 1.2.3 1.2 latest; do
        [ "sha256:$(digest "$image:$tag")" = "$wanted" ] || refuse "$login: $tag is not $wanted"
    done
    back=$work/back-$login
    skopeo --insecure-policy copy --quiet --all --preserve-digests --src-tls-verify=false --src-authfile "$DOCKER_CONFIG/config.json" \
        "docker://$image:1.2.3" "oci:$back"
    diff -r "$back/blobs" "$layout/blobs"

    before=$(writes)
    [ "$before" -gt 0 ] || refuse "$login: the registry has logged no write"
    publish "$login: the second run fails"
    [ "$(writes)" = "$before" ] || refuse "$login: the second run wrote"

    # The image itself is the base of the next one.
    pin v1.3.0 "$image" "$image@$wanted"
    publish "$login: an image on a base is not pushed"
    skopeo inspect --tls-verify=false --authfile "$DOCKER_CONFIG/config.json" "docker://$image:latest" > "$work/latest.json"
    python3 - "$work/latest.json" << 'PYTHON'
import json, sys
seen = json.load(open(sys.argv[1]))
assert seen["Labels"]["org.opencontainers.image.version"] == "1.3.0", seen
assert len(seen["Layers"]) == 2, seen
PYTHON

    "$larder" -C "$project" --quiet unpublish arc@v1.3.0
    [ "sha256:$(digest "$image:latest")" = "$wanted" ] || refuse "$login: latest does not lead to the version before"
    if digest "$image:1.3.0" > /dev/null 2>&1; then
        refuse "$login: 1.3.0 is still there"
    fi

    # A wrong password is told once, and nothing is written.
    if [ "$login" != none ]; then
        printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' "$port" "$(printf pusher:wrong-horse | base64)" > "$DOCKER_CONFIG/config.json"
        before=$(writes)
        if "$larder" -C "$project" --quiet publish all > "$work/said" 2>&1; then
            refuse "$login: a wrong password is taken"
        fi
        grep -q "docker login\|needs the right" "$work/said" || refuse "$login: it says: $(cat "$work/said")"
        ! grep -q "wrong-horse" "$work/said" || refuse "$login: the password is shown"
        [ "$(writes)" = "$before" ] || refuse "$login: something was written with a wrong password"
    fi
    kill "$registry"
    wait "$registry" 2> /dev/null || true
    rm -rf "$project/.larder-hub"
done
