#!/usr/bin/env bash
# Judges Debian packages: dpkg-deb reads them, lintian finds no error, and the names of the files say what is in them.
# usage: tests/oracles/channels/deb.sh FOLDER    (the folder `deb` of a rendered subsystem; needs dpkg-deb and lintian)
set -euo pipefail
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "deb.sh: $1" >&2
    exit 1
}

# lintian refuses to run as root unless it is told to.
root=()
[ "$(id -u)" != 0 ] || root=(--allow-root)

found=0
for package in "$folder"/*.deb; do
    [ -f "$package" ] || fail "there is no package in $folder"
    found=$((found + 1))
    dpkg-deb -I "$package" > "$work/info" || fail "dpkg-deb can't read $package"
    dpkg-deb -c "$package" > "$work/files" || fail "dpkg-deb can't list the files of $package"
    if grep -vE '^(d|-)rw[x-]r-[x-]r-[x-] root/root ' "$work/files"; then
        fail "$package has files of other owners or with other modes"
    fi
    grep -qE ' \./usr/bin/[^ ]+$' "$work/files" || fail "$package has no program"
    # shellcheck disable=SC2016 # dpkg-deb expands these.
    name=$(dpkg-deb --show --showformat '${Package}_${Version}_${Architecture}.deb' "$package")
    [ "$name" = "$(basename "$package")" ] || fail "$package would be called $name"

    rm -rf "$work/tree"
    dpkg-deb -R "$package" "$work/tree"
    (cd "$work/tree" && md5sum --quiet -c DEBIAN/md5sums) || fail "digests in $package differ"
    [ "$(find "$work/tree" -type f -not -path '*/DEBIAN/*' | wc -l)" = "$(wc -l < "$work/tree/DEBIAN/md5sums")" ] ||
        fail "$package has files without a digest"

    lintian "${root[@]}" --no-cfg --fail-on error "$package" > "$work/report" 2>&1 || {
        cat "$work/report"
        fail "lintian refuses $package"
    }
done
echo "deb.sh: $found packages in $folder are valid"
