#!/bin/sh
# Installs larder: downloads the release for this machine, verifies its SHA-256, and puts one file into a folder.
#
#   LARDER_REPOSITORY=https://github.com/OWNER/REPOSITORY sh install.sh
#
# LARDER_REPOSITORY   the https url of the repository that has the releases (needed, unless this copy has it below)
# LARDER_VERSION      the version (default: that of this script)
# LARDER_SHA256       the SHA-256 of the package; without it, the release's checksums.txt says it
# LARDER_INSTALL_DIR  the folder (default: ~/.local/bin)
set -eu

repository=${LARDER_REPOSITORY:-}
version=${LARDER_VERSION:-0.1.0}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf '  hint: %s\n' "$2" >&2
    exit 1
}

# All of it is in a function, so that a script that arrives cut off does nothing.
main() {
    [ -n "$repository" ] || fail "it is not known where larder's releases are" "set LARDER_REPOSITORY=https://github.com/OWNER/REPOSITORY"
    case $repository in
        https://* | http://127.0.0.1[:/]*) ;;
        *) fail "\`$repository\` is no https url" "LARDER_REPOSITORY=https://github.com/OWNER/REPOSITORY" ;;
    esac
    version=${version#v}
    case $version in
        "" | *[!0-9A-Za-z.+-]*) fail "\`$version\` is no version" "LARDER_VERSION=0.1.0" ;;
    esac

    machine=$(uname -m)
    case $(uname -s) in
        Linux) os=linux ;;
        Darwin) os=darwin ;;
        MINGW* | MSYS* | CYGWIN*) os=windows ;;
        *) fail "there is no release for $(uname -s)" "build it with cargo: cargo install --locked --git $repository" ;;
    esac
    case $machine in
        x86_64 | amd64) arch=amd64 ;;
        aarch64 | arm64) arch=arm64 ;;
        *) fail "there is no release for the processor $machine" "build it with cargo: cargo install --locked --git $repository" ;;
    esac
    # A shell that runs under Rosetta says x86_64 on an arm64 machine.
    if [ $os-$arch = darwin-amd64 ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" = 1 ]; then
        arch=arm64
    fi
    if [ $os = windows ]; then asset=larder-$os-$arch.zip program=larder.exe; else asset=larder-$os-$arch.tar.gz program=larder; fi

    folder=${LARDER_INSTALL_DIR:-}
    if [ -z "$folder" ]; then
        [ -n "${HOME:-}" ] || fail "HOME is not set" "set LARDER_INSTALL_DIR to the folder for larder"
        folder=$HOME/.local/bin
    fi
    mkdir -p -- "$folder" || fail "cannot make the folder $folder" "set LARDER_INSTALL_DIR to a folder that you can write to"

    # The new file is made beside the old one, so that it takes its place by one rename.
    work=$(mktemp -d "$folder/.larder-install-XXXXXX") || fail "cannot write into $folder" "set LARDER_INSTALL_DIR to a folder that you can write to"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    base=$repository/releases/download/larder-v$version
    download "$base/$asset" "$work/$asset"
    expected=${LARDER_SHA256:-}
    if [ -z "$expected" ]; then
        download "$base/checksums.txt" "$work/checksums.txt"
        expected=$(awk -v name="$asset" '$2 == name || $2 == "*" name { print $1 }' "$work/checksums.txt")
        [ -n "$expected" ] || fail "$base/checksums.txt does not mention $asset" "set LARDER_SHA256 if you know its digest"
    fi
    actual=$(sha256 "$work/$asset")
    [ "$actual" = "$(printf %s "$expected" | tr 'A-F' 'a-f')" ] ||
        fail "$base/$asset has the SHA-256 $actual, but $expected is expected; nothing was installed" "run again; if it stays so, report it to the repository's owner"

    if [ $os = windows ]; then
        unzip -q -o "$work/$asset" "$program" -d "$work" || fail "cannot unpack $asset" "install unzip"
    else
        tar -xzf "$work/$asset" -C "$work" "$program" || fail "cannot unpack $asset"
    fi
    chmod 755 "$work/$program"
    "$work/$program" --version >/dev/null || fail "$asset does not run on this machine; nothing was installed"
    mv -f -- "$work/$program" "$folder/$program" || fail "cannot write $folder/$program"
    printf 'installed %s as %s\n' "$("$folder/$program" --version)" "$folder/$program"
    case :${PATH:-}: in
        *":$folder:"*) ;;
        # shellcheck disable=SC2016 # $PATH is for the profile, as it stands
        *) printf '  note: %s is not on PATH; a line for the profile of your shell: export PATH="%s:$PATH"\n' "$folder" "$folder" ;;
    esac
}

# download URL FILE
download() {
    # Redirects stay on https; only a server on this machine may speak http.
    if command -v curl >/dev/null; then
        case $1 in
            https://*) set -- "$1" "$2" --proto =https --proto-redir =https ;;
            *) set -- "$1" "$2" --proto =http,https ;;
        esac
        url=$1 file=$2
        shift 2
        curl --fail --silent --show-error --location --retry 3 --connect-timeout 20 "$@" --output "$file" -- "$url"
    elif command -v wget >/dev/null; then
        url=$1
        wget -q -t 3 -O "$2" -- "$1"
    else
        fail "neither curl nor wget is installed" "install one of them"
    fi || fail "cannot download $url" "check the version, and that the network can be reached"
}

# sha256 FILE: its digest in lower-case hex digits
sha256() {
    if command -v sha256sum >/dev/null; then
        sha256sum <"$1"
    elif command -v shasum >/dev/null; then
        shasum -a 256 <"$1"
    else
        openssl dgst -sha256 -r <"$1" || fail "neither sha256sum nor shasum nor openssl is installed" "install one of them"
    fi | cut -d ' ' -f 1
}

main
