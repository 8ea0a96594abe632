#!/usr/bin/env bash
# Judges RPM packages: rpm reads them, their digests are right, rpmlint finds no error, and the names of the files say what
# is in them.
# usage: tests/oracles/channels/rpm.sh FOLDER    (the folder `rpm` of a rendered subsystem; needs rpm and rpmlint)
set -euo pipefail
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "rpm.sh: $1" >&2
    exit 1
}

found=0
for package in "$folder"/*.rpm; do
    [ -f "$package" ] || fail "there is no package in $folder"
    found=$((found + 1))
    rpm -qp --info --list --requires --provides --conflicts --scripts --changelog "$package" > "$work/info" 2> "$work/errors" ||
        fail "rpm can't read $package"
    [ ! -s "$work/errors" ] || {
        cat "$work/errors"
        fail "rpm complains about $package"
    }
    grep -q '^/usr/bin/.' "$work/info" || fail "$package has no program"
    name=$(rpm -qp --queryformat '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm' "$package")
    [ "$name" = "$(basename "$package")" ] || fail "$package would be called $name"
    # `digests OK`: those of both headers and of the files.
    LC_ALL=C rpm -K "$package" > "$work/digests" || true
    grep -q 'digests OK$' "$work/digests" || {
        LC_ALL=C rpm -Kv "$package" || true
        fail "digests of $package differ"
    }
    rpm -Kv "$package" > "$work/digests"
    for part in 'Header SHA256' 'Payload SHA256'; do
        grep -q "$part digest: OK" "$work/digests" || fail "$package has no digest of its $part"
    done

    # Two errors are unavoidable: a package that nobody has signed has no signature, and a program that was linked statically
    # elsewhere stays so.
    rpmlint "$package" > "$work/report" 2>&1 || true
    grep -q ' packages and 0 specfiles checked; ' "$work/report" || {
        cat "$work/report"
        fail "rpmlint did not check $package"
    }
    if grep ' E: ' "$work/report" | grep -vE ' E: (no-signature$|statically-linked-binary /usr/bin/)' | grep .; then
        fail "rpmlint refuses $package"
    fi
done
echo "rpm.sh: $found packages in $folder are valid"
