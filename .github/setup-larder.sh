#!/usr/bin/env bash
# Puts larder on PATH for the following steps of a job; action.yml runs it.
#
# An archive of a release is kept in the runner's tool cache under its digest and compared with the digest each time, so a
# changed copy is downloaded again. What is compiled is not kept: nothing states the digest of its result, so whoever can write
# to the cache would decide what later jobs run.
set -euo pipefail

fail() {
    echo "::error title=setup-larder::$1"
    exit 1
}

sha256_of() {
    if command -v sha256sum > /dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# Offers the folder $1 to the steps that follow.
offer() {
    echo "$1" >> "$GITHUB_PATH"
    echo "path=$1" >> "$GITHUB_OUTPUT"
    "$1/larder" --version
}

into=$RUNNER_TEMP/setup-larder
rm -rf "$into"
mkdir -p "$into/bin"

if [ -z "${LARDER_SETUP_TAG:-}" ]; then
    command -v cargo > /dev/null || fail "without \`tag\` larder is compiled, and cargo is not on PATH"
    cargo install --quiet --locked --root "$into" --path "$GITHUB_ACTION_PATH"
    offer "$into/bin"
    exit
fi

case $RUNNER_OS in
    Linux) os=linux ;;
    macOS) os=darwin ;;
    Windows) os=windows ;;
    *) fail "there is no larder for $RUNNER_OS" ;;
esac
case $RUNNER_ARCH in
    X64) arch=amd64 ;;
    ARM64) arch=arm64 ;;
    *) fail "there is no larder for $RUNNER_ARCH" ;;
esac
if [ $os = windows ]; then ending=zip exe=.exe; else ending=tar.gz exe=; fi
file=larder-$os-$arch.$ending

[[ $LARDER_SETUP_TAG =~ ^[A-Za-z0-9][A-Za-z0-9._+-]*$ ]] || fail "\`tag\` is not the tag of a release"
digest=$(awk -v file="$file" '$2 == file { print tolower($1); exit }' <<< "${LARDER_SETUP_SHA256:-}")
[[ $digest =~ ^[0-9a-f]{64}$ ]] || fail "\`sha256\` has no line \`<64 hex digits>  $file\`"

kept=${RUNNER_TOOL_CACHE:-$RUNNER_TEMP}/setup-larder/$digest.$ending
if [ ! -f "$kept" ] || [ "$(sha256_of "$kept")" != "$digest" ]; then
    url=$GITHUB_SERVER_URL/$LARDER_SETUP_REPOSITORY/releases/download/$LARDER_SETUP_TAG/$file
    echo "downloading $url"
    curl --fail --silent --show-error --location --retry 3 --output "$into/$file" "$url" || fail "cannot download $url"
    found=$(sha256_of "$into/$file")
    [ "$found" = "$digest" ] || fail "$file of $LARDER_SETUP_TAG has the digest $found, and $digest is pinned"
    mkdir -p "$(dirname "$kept")"
    mv "$into/$file" "$kept"
fi
# The copy is unpacked that was compared: another job could replace the one in the tool cache meanwhile.
cp "$kept" "$into/$file"
[ "$(sha256_of "$into/$file")" = "$digest" ] || fail "the copy in the tool cache changed while it was read"
case $ending in
    zip) unzip -q "$into/$file" "larder$exe" -d "$into/bin" ;;
    *) tar -xzf "$into/$file" -C "$into/bin" "larder$exe" ;;
esac
chmod 755 "$into/bin/larder$exe"
offer "$into/bin"
