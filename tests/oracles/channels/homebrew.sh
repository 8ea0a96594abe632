#!/usr/bin/env bash
# Judges a rendered formula: Ruby's parser, and a small class Formula that loads it for four platforms.
# usage: tests/oracles/channels/homebrew.sh FOLDER    (with <name>.rb; needs ruby and python3)
set -euo pipefail
shim=$(dirname "$(realpath "$0")")/homebrew_shim.rb
cd "$1"
formula=$(echo *.rb)
[ -f "$formula" ] || { echo "$1 has not exactly one formula: $formula" >&2; exit 1; }
ruby -wc "$formula" > /dev/null
platforms=$(ruby "$shim" "$formula")
python3 -c '
import json, re, sys
platforms = json.load(sys.stdin)
words = {"macos": "darwin", "linux": "linux", "arm": "arm64", "intel": "amd64"}
for platform, values in platforms.items():
    if values:
        os, arch = platform.split("-")
        asset = rf"-{words[os]}-{words[arch]}(-musl|-gnu)?(-[0-9a-f]{{12}})?\.(tar\.gz|tar\.zst|zip)$"
        url, sha256 = values["url"], values["sha256"]
        if not re.search(asset, url):
            sys.exit(f"{platform} gets {url}")
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            sys.exit(f"{platform} has the sha256 {sha256}")
if not any(platforms.values()):
    sys.exit("the formula is for no platform")
' <<< "$platforms"
echo "homebrew: $formula is valid"
