#!/usr/bin/env bash
# Installs a Debian package into an empty root folder, runs its program there, verifies its files and removes it.
# usage: tests/oracles/channels/install-deb.sh FILE BINARY
# FILE is a package for this machine whose programs are static; BINARY is run with --version. Needs root, dpkg and a static
# busybox, which is the shell of the root folder.
set -euo pipefail
package=$(realpath "$1")
binary=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fail() {
    echo "install-deb.sh: $1" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "only root can change the root folder"
mkdir -p "$root"/bin "$root"/var/lib/dpkg/{info,updates,triggers} "$root/var/log"
touch "$root/var/lib/dpkg/status" "$root/var/lib/dpkg/available"
cp "$(command -v busybox)" "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
list() {
    find "$root" -not -path "$root/var/*" -not -path "$root/var" | sort
}
list > "$root/var/before"

name=$(dpkg-deb --field "$package" Package)
dpkg --root="$root" --install "$package" > "$root/var/installed" 2>&1 || {
    cat "$root/var/installed"
    fail "dpkg can't install $package"
}
grep -q "^Setting up $name " "$root/var/installed" || fail "dpkg did not set up $name"
[ -z "$(dpkg --root="$root" --verify "$name")" ] || fail "dpkg does not verify $name"
[ "$(dpkg --root="$root" --search "/usr/bin/$binary")" = "$name: /usr/bin/$binary" ] || fail "$name does not own $binary"
chroot "$root" "/usr/bin/$binary" --version || fail "$binary does not run"
if dpkg-deb --info "$package" postinst > "$root/var/postinst" 2> /dev/null; then
    # The script prints what it was made of; what its texts say is not run.
    chroot "$root" /bin/sh -s configure < "$root/var/postinst" > "$root/var/printed"
    while IFS= read -r line; do
        grep -qxF -- "$line" "$root/var/installed" || fail "the installation did not print: $line"
    done < "$root/var/printed"
fi
dpkg --root="$root" --purge "$name" > "$root/var/purged" 2>&1 || {
    cat "$root/var/purged"
    fail "dpkg can't remove $name"
}
list | diff "$root/var/before" - || fail "$name left files behind"
echo "install-deb.sh: $package was installed, ran and was removed"
