#!/usr/bin/env bash
# Installs an RPM package into an empty root folder, runs its program there, verifies its files and removes it.
# usage: tests/oracles/channels/install-rpm.sh FILE BINARY
# FILE is a package for this machine whose programs are static; BINARY is run with --version. Needs root, rpm and a static
# busybox, which is the shell of the root folder.
set -euo pipefail
package=$(realpath "$1")
binary=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fail() {
    echo "install-rpm.sh: $1" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "only root can change the root folder"
mkdir -p "$root"/bin "$root"/var/lib/rpm "$root/var/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
in_root() {
    rpm --root "$root" --dbpath /var/lib/rpm "$@"
}
in_root --initdb
# Debian's rpm warns that its own packages are others.
debian=()
[ ! -e /etc/debian_version ] || debian=(--force-debian)
list() {
    find "$root" -type f -not -path "$root/var/*" | sort
}
list > "$root/var/before"

name=$(rpm -qp --queryformat '%{NAME}' "$package")
# No package of this folder provides /bin/sh.
in_root --install "${debian[@]}" --nodeps "$package" > "$root/var/installed" 2> "$root/var/errors" || {
    cat "$root/var/errors"
    fail "rpm can't install $package"
}
in_root --verify --nodeps "$name" || fail "rpm does not verify $name"
[ "$(in_root --query --file "/usr/bin/$binary" --queryformat '%{NAME}')" = "$name" ] || fail "$name does not own $binary"
[ "$(in_root --query --whatprovides "$name" --queryformat '%{NAME}')" = "$name" ] || fail "nothing provides $name"
chroot "$root" "/usr/bin/$binary" --version || fail "$binary does not run"
rpm -qp --queryformat '%{POSTIN}' "$package" > "$root/var/postin"
if [ "$(cat "$root/var/postin")" != "(none)" ]; then
    chroot "$root" /bin/sh -s < "$root/var/postin" > "$root/var/printed"
    diff "$root/var/printed" "$root/var/installed" || fail "the installation printed something else"
fi
in_root --erase "${debian[@]}" --nodeps "$name" || fail "rpm can't remove $name"
list | diff "$root/var/before" - || fail "$name left files behind"
echo "install-rpm.sh: $package was installed, ran and was removed"
