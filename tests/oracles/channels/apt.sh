#!/usr/bin/env bash
# apt installs a package from a folder that is a repository, and from a file, into root folders of their own, runs it and
# removes it again. It has its own settings, lists and status, and leaves those of this machine alone.
# usage: apt.sh DEB BINARY VERSION
set -euo pipefail
deb=$(realpath "$1") binary=$2 version=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$(dpkg-deb -f "$deb" Package)
architecture=$(dpkg-deb -f "$deb" Architecture)

mkdir "$work/repository"
cp "$deb" "$work/repository/"
(cd "$work/repository" && dpkg-scanpackages --multiversion . 2> /dev/null > Packages)

# An empty system in the folder $1.
new_root() {
    root=$work/$1
    mkdir -p "$root"/{etc/apt/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d},usr/bin,tmp} \
        "$root"/var/{cache/apt/archives,lib/apt/lists}/partial "$root"/var/lib/dpkg/{info,updates,triggers} "$root/var/log/apt"
    : > "$root/var/lib/dpkg/status"
    # The shell of the package's scripts.
    mkdir "$root/bin"
    cp "$(command -v busybox)" "$root/bin/sh"
    echo "deb [trusted=yes] file:$work/repository ./" > "$root/etc/apt/sources.list"
}
# apt for that system. Its settings are read before those of this machine, and move them away.
apt() {
    cat > "$work/apt.conf" <<END
Dir "$root"; Dir::State::status "$root/var/lib/dpkg/status";
Dir::Bin::dpkg "/usr/bin/dpkg"; Dir::Bin::methods "/usr/lib/apt/methods"; Dir::Bin::solvers "/usr/lib/apt/solvers";
APT::Architecture "$architecture"; APT::Architectures { "$architecture"; }; APT::Sandbox::User "root";
DPkg::Options { "--root=$root"; "--force-not-root"; }; DPkg::Path "/usr/sbin:/usr/bin:/sbin:/bin"; Dpkg::Use-Pty "0";
END
    APT_CONFIG=$work/apt.conf DEBIAN_FRONTEND=noninteractive apt-get -qq -y "$@"
}
installed() { dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status}' "$package" 2> /dev/null || true; }
judge() {
    [ "$(installed)" = installed ]
    "$root/usr/bin/$binary" --version | grep -qF "$version"
    apt purge "$package"
    [ ! -e "$root/usr/bin/$binary" ]
    [ "$(installed)" != installed ]
    # Nothing of the package is left.
    [ -z "$(find "$root/usr" -not -type d 2> /dev/null)" ]
}

new_root from-repository
apt update
apt install "$package"
judge
new_root from-file
apt install "$deb"
judge
echo "apt installs $package from a repository and from a file, and removes it"
