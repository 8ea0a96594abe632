#!/usr/bin/env bash
# Real package managers use the repositories that `larder publish` writes: apt installs version 1 and upgrades to version 2
# from a folder (over http, unsigned and signed), from a git repository and from a release of the hub; createrepo_c reads
# the repository for dnf, and lists the same packages with the same content as larder.
# usage: repositories.sh LARDER        (needs apt-get, gpg, git, createrepo_c, xmllint, python3, busybox, curl)
set -euo pipefail
larder=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server"; fi
    if [ -d "$work/gnupg" ]; then GNUPGHOME=$work/gnupg gpgconf --kill all; fi
    rm -rf "$work"
}
trap finish EXIT
export LARDER_CACHE_DIR=$work/cache SOURCE_DATE_EPOCH=1700000000 CI=false
unset LARDER_GPG_KEY GITHUB_ACTIONS
export GIT_CONFIG_GLOBAL=$work/gitconfig
printf '[user]\n\tname = T\n\temail = t@x.example\n[init]\n\tdefaultBranch = main\n' > "$GIT_CONFIG_GLOBAL"
architecture=$(dpkg --print-architecture)

# Writes version $1 of the project in folder $2, whose deb repository is $3 and whose rpm repository is $4.
project() {
    local version=$1 folder=$2 deb=$3 rpm=$4
    mkdir -p "$folder/subsystems/arc/src"
    cat > "$folder/versions.yml" <<END
project: acme-tools
versions: {arc: v$version}
platforms: [linux-amd64, linux-arm64]
hub: {dir: hub}
publish:
  maintainer: Acme Tools <tools@acme.example>
  deb: {repository: $deb}
  rpm: {repository: $rpm}
END
    cat > "$folder/subsystems/arc/recipe.yml" <<'END'
description: Draws an <arc> & more on the terminal
homepage: https://arc.example
license: MIT
binaries: [arc]
any: true
build: {source: {dir: src}, commands: ["cp arc LICENSE {{ out }}/"], platforms: all}
package: {include: [LICENSE]}
publish:
  deb: {provides: [arcs], post_install: Run arc first.}
  rpm: {provides: [arcs, "arc-api = 2:1.0-3"], depends: ["glibc >= 2.28", zlib], conflicts: ["arc-old < 1"], post_install: Run arc first.}
END
    printf '#!/bin/sh\necho arc %s\n' "$version" > "$folder/subsystems/arc/src/arc"
    chmod +x "$folder/subsystems/arc/src/arc"
    echo "The licence" > "$folder/subsystems/arc/src/LICENSE"
}
publish() {
    (
        cd "$1"
        "$larder" --quiet ensure all --platform all
        "$larder" publish all > "$work/publish.txt" 2>&1 || { cat "$work/publish.txt"; exit 1; }
    )
}
# An empty system, whose only source of packages is the line $1.
new_root() {
    rm -rf "$work/root"
    root=$work/root
    mkdir -p "$root"/{etc/apt/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d},usr/bin,tmp,bin} \
        "$root"/var/{cache/apt/archives,lib/apt/lists}/partial "$root"/var/lib/dpkg/{info,updates,triggers} "$root/var/log/apt"
    : > "$root/var/lib/dpkg/status"
    cp "$(command -v busybox)" "$root/bin/sh"
    echo "$1" > "$root/etc/apt/sources.list"
}
apt() {
    cat > "$work/apt.conf" <<END
Dir "$root"; Dir::State::status "$root/var/lib/dpkg/status";
Dir::Bin::dpkg "/usr/bin/dpkg"; Dir::Bin::methods "/usr/lib/apt/methods"; Dir::Bin::solvers "/usr/lib/apt/solvers";
APT::Architecture "$architecture"; APT::Architectures { "$architecture"; }; APT::Sandbox::User "root";
DPkg::Options { "--root=$root"; "--force-not-root"; }; DPkg::Path "/usr/sbin:/usr/bin:/sbin:/bin"; Dpkg::Use-Pty "0";
END
    APT_CONFIG=$work/apt.conf DEBIAN_FRONTEND=noninteractive apt-get -qq -y "$@"
}
# Whether the program says this version.
says() { [ "$("$root/bin/sh" "$root/usr/bin/arc")" = "arc $1" ]; }
# Version 1 is installed, version 2 is published by "$@" and replaces it, and version 1 is still there.
upgrade() {
    apt update
    apt install arc
    says 1.0.0-rc.1
    # The server tells changes apart by whole seconds.
    sleep 1.1
    "$@"
    apt update
    apt upgrade
    says 1.1.0
    apt install --allow-downgrades "arc=1.0.0~rc.1"
    says 1.0.0-rc.1
    apt purge arc
}

python3 -u -m http.server --bind 127.0.0.1 --directory "$work" 0 > "$work/server.log" 2>&1 &
server=$!
port=
while [ -z "$port" ]; do
    sleep 0.1
    port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$work/server.log")
done
web=http://127.0.0.1:$port

# A folder, unsigned.
next() { project 1.1.0 "$1" "$2" "$3" && publish "$1"; }
folders=("{dir: ../apt}" "{dir: ../yum}")
project 1.0.0-rc.1 "$work/p" "${folders[@]}"
publish "$work/p"
new_root "deb [trusted=yes] $web/apt stable main"
upgrade next "$work/p" "${folders[@]}"
grep -q "by-hash/SHA256" "$work/server.log"
new_root "deb $web/apt stable main"
if apt update 2> /dev/null; then
    echo "apt takes a repository without a signature"
    exit 1
fi
# A second run writes nothing.
find "$work/apt" "$work/yum" -type f -printf '%p %T@ %i\n' | sort > "$work/before"
publish "$work/p"
find "$work/apt" "$work/yum" -type f -printf '%p %T@ %i\n' | sort | grep -v larder-lock > "$work/after"
grep -v larder-lock "$work/before" | diff - "$work/after"
echo "apt upgrades from a folder, and a second run writes nothing"

# What dpkg-scanpackages lists is what larder lists.
(cd "$work/apt" && dpkg-scanpackages --multiversion --arch "$architecture" pool 2> /dev/null) > "$work/scanned"
python3 "$here/repositories.py" apt "$work/scanned" "$work/apt/dists/stable/main/binary-$architecture/Packages"
# What createrepo_c lists is what larder lists, and it reads larder's index.
cp -r "$work/yum/Packages" "$work/made"
mkdir "$work/created" && mv "$work/made" "$work/created/Packages"
createrepo_c --quiet --general-compress-type gz "$work/created"
python3 "$here/repositories.py" yum "$work/created" "$work/yum"
for file in "$work"/yum/repodata/*.xml.gz; do gzip -dc "$file" | xmllint --noout -; done
xmllint --noout "$work/yum/repodata/repomd.xml"
cp -r "$work/yum" "$work/updated"
createrepo_c --quiet --update --general-compress-type gz "$work/updated"
python3 "$here/repositories.py" yum "$work/updated" "$work/yum"
echo "createrepo_c and dpkg-scanpackages list what larder lists"

# Signed by a key of gpg.
export GNUPGHOME=$work/gnupg
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key "Acme Tools <tools@acme.example>" ed25519 sign never
LARDER_GPG_KEY=$(gpg --batch --with-colons --list-secret-keys | awk -F: '/^fp/ { print $10; exit }')
export LARDER_GPG_KEY
gpg --batch --quiet --no-auto-check-trustdb --export > "$work/acme.gpg"
project 1.0.0-rc.1 "$work/s" "{dir: ../sapt}" "{dir: ../syum}"
publish "$work/s"
new_root "deb [signed-by=$work/acme.gpg] $web/sapt stable main"
upgrade next "$work/s" "{dir: ../sapt}" "{dir: ../syum}"
gpg --batch --quiet --verify "$work/syum/repodata/repomd.xml.asc" "$work/syum/repodata/repomd.xml" 2> /dev/null
gpg --batch --quiet --verify "$work/sapt/dists/stable/Release.gpg" "$work/sapt/dists/stable/Release" 2> /dev/null
# Without the key, the repository is not left with a signature of something else.
project 1.2.0 "$work/s" "{dir: ../sapt}" "{dir: ../syum}"
if (unset LARDER_GPG_KEY; publish "$work/s" > "$work/unsigned.txt"); then
    echo "a signed repository changes without its key"
    exit 1
fi
grep -q "LARDER_GPG_KEY" "$work/unsigned.txt"
# Apt notices a change of what is signed.
sed -i 's/^Suite: stable/Suite: stablx/' "$work/sapt/dists/stable/InRelease"
new_root "deb [signed-by=$work/acme.gpg] $web/sapt stable main"
if apt --error-on=any update 2> /dev/null; then
    echo "apt takes an index that was changed"
    exit 1
fi
echo "apt and gpg verify the signatures"
unset LARDER_GPG_KEY

# In a git repository, as a server for pages has it.
git init --quiet --bare "$work/pages.git"
pages=("{git: \"file://$work/pages.git\"}" "{git: \"file://$work/pages.git\"}")
show() { rm -rf "$work/pages" && git clone --quiet "$work/pages.git" "$work/pages"; }
project 1.0.0-rc.1 "$work/g" "${pages[@]}"
publish "$work/g"
show
new_root "deb [trusted=yes] $web/pages stable main"
next_page() { next "$work/g" "${pages[@]}" && show; }
upgrade next_page
count=$(git -C "$work/pages" rev-list --count HEAD)
publish "$work/g"
[ "$count" = "$(git -C "$work/pages.git" rev-list --count HEAD)" ]
[ "$count" = 4 ]
echo "apt upgrades from a git repository"

# In a release of the hub.
project 1.0.0-rc.1 "$work/h" "{hub: true}" "{dir: ../hyum}"
publish "$work/h"
new_root "deb [trusted=yes] $web/h/hub/arc-apt ./"
upgrade next "$work/h" "{hub: true}" "{dir: ../hyum}"
echo "apt upgrades from a release of the hub"

# A version that is withdrawn is no longer offered, also where createrepo_c has made the index.
createrepo_c --quiet --update --general-compress-type gz "$work/yum"
(cd "$work/p" && "$larder" unpublish arc@v1.1.0 > /dev/null 2>&1) || true
new_root "deb [trusted=yes] $web/apt stable main"
apt update
apt install arc
says 1.0.0-rc.1
cp -r "$work/yum" "$work/withdrawn"
[ "$(find "$work/withdrawn/Packages" -name '*.rpm' | wc -l)" = 2 ]
createrepo_c --quiet --update --general-compress-type gz "$work/withdrawn"
python3 "$here/repositories.py" yum "$work/withdrawn" "$work/yum"
echo "a version can be withdrawn"
