#!/usr/bin/env bash
# Runs install.sh in dash and in busybox sh, with curl and with wget, each with a home of its own; a package with a flipped bit
# must be refused before anything is there.
# usage: tests/oracles/channels/install-installer.sh FOLDER [PACKAGES]    (needs dash, busybox, curl, wget and python3)
# PACKAGES is a folder with the packages, which is served on this machine at the port that the script's urls name. Without it,
# they must be served already.
# LARDER_JUDGE_ARGUMENT is the argument that the programs are started with (default --version).
set -euo pipefail
script=$(realpath "$1")/install.sh
argument=${LARDER_JUDGE_ARGUMENT:---version}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; rm -rf "$work"' EXIT

refuse() {
    echo "install-installer: $1" >&2
    exit 1
}

url=$(sed -n "s/^ *url='\(.*\)'$/\1/p" "$script" | head -n 1)
if [ -n "${2:-}" ]; then
    cp -R "$2" "$work/packages"
    python3 - "$work/packages" "$url" << 'PYTHON' &
import http.server, pathlib, sys, urllib.parse

folder = pathlib.Path(sys.argv[1])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = folder / pathlib.PurePosixPath(self.path).name
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", urllib.parse.urlsplit(sys.argv[2]).port), Handler).serve_forever()
PYTHON
    server=$!
    curl --silent --show-error --retry 50 --retry-delay 1 --retry-connrefused "${url%/*}/" > /dev/null
fi

# Folders with all programs of this machine except one of the two that download.
for without in curl wget; do
    mkdir "$work/without-$without"
    ln -s /usr/bin/* "$work/without-$without/"
    [ -L /bin ] || ln -sf /bin/* "$work/without-$without/"
    rm "$work/without-$without/$without"
done

n=0
# run SHELL PATH SCRIPT ARGUMENTS…: with an empty home, which is $home
run() {
    local shell=$1 path=$2
    shift 2
    n=$((n + 1))
    home=$work/home-$n
    mkdir "$home"
    # shellcheck disable=SC2086 # the shell can have an argument
    (cd "$home" && env -i HOME="$home" PATH="$path" $shell "$@" < /dev/null > "$work/said" 2>&1)
}

# The digest with another last digit, and where the packages are here the package with a flipped bit.
sed "s/^\( *sha256=.*\)0$/\11/; t; s/^\( *sha256=.*\)[1-9a-f]$/\10/" "$script" > "$work/other.sh"
for shell in dash "busybox sh"; do
    for without in curl wget; do
        path=$work/without-$without
        run "$shell" "$path" "$script" || refuse "$shell without $without: $(cat "$work/said")"
        programs=$(cd "$home/.local/bin" && ls -A)
        [ -n "$programs" ] || refuse "$shell without $without: nothing was installed"
        for program in $programs; do
            "$home/.local/bin/$program" "$argument" > /dev/null || refuse "$program $argument failed"
        done
        grep -q 'not on PATH' "$work/said" || refuse "$shell: it does not say that the folder is not on PATH"

        run "$shell" "$path" "$script" --to "a folder/it's" || refuse "$shell --to: $(cat "$work/said")"
        [ "$(cd "$home/a folder/it's" && ls -A)" = "$programs" ] || refuse "$shell: --to does not get all programs"
        [ ! -e "$home/.local" ] || refuse "$shell: --to writes elsewhere, too"

        if run "$shell" "$path" "$work/other.sh"; then refuse "$shell without $without: a wrong digest is accepted"; fi
        grep -q 'is expected' "$work/said" || refuse "$shell: a wrong digest gives: $(cat "$work/said")"
        [ -z "$(find "$home" -type f)" ] || refuse "$shell: a wrong digest leaves files"
    done
    run "$shell" "$PATH" "$script" --help || refuse "$shell --help failed"
    grep -q -- '--to DIR' "$work/said"
    [ -z "$(find "$home" -type f)" ] || refuse "$shell: --help writes files"
    if run "$shell" "$PATH" "$script" --other; then refuse "$shell: an unknown argument is accepted"; fi
done
if [ -n "${2:-}" ]; then
    python3 - "$work/packages" << 'PYTHON'
import pathlib, sys

for path in pathlib.Path(sys.argv[1]).iterdir():
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
PYTHON
    for shell in dash "busybox sh"; do
        if run "$shell" "$PATH" "$script"; then refuse "$shell: a flipped bit is accepted"; fi
        [ -z "$(find "$home" -type f)" ] || refuse "$shell: a flipped bit leaves files"
    done
fi
