#!/usr/bin/env bash
# Judges a rendered package of the AUR: makepkg accepts PKGBUILD, and prints .SRCINFO byte for byte.
# usage: tests/oracles/channels/aur.sh FOLDER    (needs makepkg and its files in LIBRARY, by default /usr/share/makepkg)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$1/." "$work"
[ -f "$work/PKGBUILD" ] || { echo "$1 has no PKGBUILD" >&2; exit 1; }
# makepkg refuses root.
user=()
if [ "$(id -u)" = 0 ]; then
    chown -R 65534:65534 "$work"
    user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
fi
cd "$work"
# There need be no pacman, and the machine need not have one of the package's architectures.
HOME=$work PACMAN=true LIBRARY=${LIBRARY:-/usr/share/makepkg} "${user[@]}" makepkg --ignorearch --printsrcinfo > "$work/printed"
cmp "$work/printed" .SRCINFO || { diff "$work/printed" .SRCINFO >&2; exit 1; }
for script in *.install; do
    [ ! -f "$script" ] || bash -n "$script"
done
echo "aur: $(sed -n 's/^pkgbase = //p' .SRCINFO) is valid"
