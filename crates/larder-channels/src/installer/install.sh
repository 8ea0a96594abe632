#!/bin/sh
# Installs @@NAME@@ @@VERSION@@, without root: downloads the package for this machine, compares its SHA-256 with the one that
# is written below, and puts the programs into a folder. `sh install.sh --help` says more. Made by larder.
set -eu

# All of it is in functions that the last line calls, so that a script that arrives cut off does nothing.
usage() {
    cat <<'@@END@@'
@@USAGE@@
@@END@@
}

fail() {
    printf 'error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf '  hint: %s\n' "$2" >&2
    exit 1
}

# package PLATFORM: sets what the package for a platform is; fails if there is none.
package() {
    case $1 in
@@PACKAGES@@
        *) return 1 ;;
    esac
}

main() {
    to=
    while [ $# -gt 0 ]; do
        case $1 in
            --to)
                [ $# -ge 2 ] || fail "--to needs a folder" "--to DIR"
                to=$2
                shift 2
                [ -n "$to" ] || fail "--to needs a folder" "--to DIR"
                ;;
            --to=?*)
                to=${1#--to=}
                shift
                ;;
            -h | --help)
                usage
                return 0
                ;;
            *) fail "the argument $1 is unknown" "--help says which ones there are" ;;
        esac
    done
    if [ -z "$to" ]; then
        [ -n "${HOME:-}" ] || fail "HOME is not set" "--to DIR says where the programs go"
        to=$HOME/.local/bin
    fi
    case $to in
        /* | [A-Za-z]:*) ;;
        *) to=$PWD/$to ;;
    esac

    choose
    # The files are made beside the old ones, so that each takes its place by one rename.
    mkdir -p "$to" || fail "cannot make the folder $to" "--to DIR says another one"
    work=$(mktemp -d "$to/.@@NAME@@-XXXXXX") || fail "cannot write into the folder $to" "--to DIR says another one"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM

    file=$work/package.$format
    printf 'downloading %s\n' "$url"
    download "$url" "$file"
    actual=$(sha256 "$file")
    [ "$actual" = "$sha256" ] || fail "$url has the SHA-256 $actual, but $sha256 is expected; nothing was installed" \
        "run again; if it stays so, report it to those who published @@NAME@@"
    mkdir "$work/new" "$work/old"
    unpack "$file" "$work/new"
    install_programs
    printf 'installed @@NAME@@ @@VERSION@@ (%s) in %s\n' "$platform" "$to"
    case :${PATH:-}: in
        *":$to:"*) ;;
        *)
            printf '  note: this folder is not on PATH. A line for the profile of your shell:\n'
            printf '    export PATH="%s:%sPATH"\n' "$to" '$'
            ;;
    esac
@@POST@@
}

# Sets the package for this machine.
choose() {
    machine=$(uname -m)
    case $(uname -s) in
        Linux) os=linux ;;
        Darwin) os=darwin ;;
        MINGW* | MSYS* | CYGWIN*) os=windows ;;
        *) fail "@@NAME@@ @@VERSION@@ is not released for $(uname -s)" "it is released for: @@PLATFORMS@@" ;;
    esac
    case $machine in
        x86_64 | amd64) archs=amd64 ;;
        aarch64 | arm64) archs=arm64 ;;
        i386 | i486 | i586 | i686 | x86) archs=386 ;;
        armv6* | armv7* | armv8l | arm) archs=arm ;;
        *) fail "@@NAME@@ @@VERSION@@ is not released for the processor $machine" "it is released for: @@PLATFORMS@@" ;;
    esac
    libcs='-'
    case $os in
        linux)
            # A system of 32 bits can run on a kernel of 64.
            if [ "$(getconf LONG_BIT 2>/dev/null)" = 32 ]; then
                case $archs in
                    amd64) archs=386 ;;
                    arm64) archs=arm ;;
                esac
            fi
            # Programs for musl are usually static, so they run where glibc is, too.
            if is_musl; then libcs='-musl -'; else libcs='- -gnu -musl'; fi
            ;;
        darwin)
            # A shell that runs under Rosetta says x86_64.
            [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" != 1 ] || archs=arm64
            [ $archs != arm64 ] || archs='arm64 amd64'
            ;;
        windows)
            libcs='- -gnu -musl'
            case $archs in
                arm64) archs='arm64 amd64 386' ;;
                amd64) archs='amd64 386' ;;
            esac
            ;;
    esac
    for arch in $archs; do
        for libc in $libcs; do
            platform=$os-$arch${libc#-}
            [ "$libc" = - ] || platform=$os-$arch$libc
            if package "$platform"; then return 0; fi
        done
    done
    fail "@@NAME@@ @@VERSION@@ is not released for this machine ($os, $machine)" "it is released for: @@PLATFORMS@@"
}

# Whether musl is the only C library here.
is_musl() {
    for loader in /lib/ld-musl-*; do
        [ -e "$loader" ] || return 1
    done
    for loader in /lib/ld-linux* /lib64/ld-linux* /lib/*/ld-linux*; do
        [ ! -e "$loader" ] || return 1
    done
}

# download URL FILE
download() {
    case $1 in
        https://*) protocols='=https' ;;
        http://127.0.0.1[:/]* | http://localhost[:/]* | "http://[::1]"[:/]*) protocols='=http,https' ;;
        *) fail "$1 is no https url" ;;
    esac
    if command -v curl >/dev/null 2>&1; then
        curl --fail --silent --show-error --location --proto "$protocols" --proto-redir "$protocols" --max-redirs 10 \
            --retry 3 --connect-timeout 20 --output "$2" "$1" || fail "cannot download $1" "check that the network can be reached"
        return 0
    fi
    command -v wget >/dev/null 2>&1 || fail "neither curl nor wget is installed" "install one of them"
    for wait in 1 2 4 -; do
        if wget -q -O "$2" "$1"; then return 0; fi
        [ $wait = - ] || sleep $wait
    done
    fail "cannot download $1" "check that the network can be reached"
}

# sha256 FILE: prints its digest.
sha256() {
    if command -v sha256sum >/dev/null 2>&1; then
        digest=$(sha256sum <"$1")
    elif command -v shasum >/dev/null 2>&1; then
        digest=$(shasum -a 256 <"$1")
    elif command -v openssl >/dev/null 2>&1; then
        digest=$(openssl dgst -sha256 -r <"$1")
    else
        fail "neither sha256sum nor shasum nor openssl is installed" "install one of them"
    fi
    printf '%s\n' "${digest%% *}"
}

# unpack FILE FOLDER
unpack() {
    case $format in
        tar.gz) tar -xzf "$1" -C "$2" || fail "cannot unpack $url" "check that tar and gzip are installed" ;;
        tar.zst)
            if command -v zstd >/dev/null 2>&1; then
                if ! zstd -q -d -o "$1.tar" "$1" || ! tar -xf "$1.tar" -C "$2"; then
                    fail "cannot unpack $url" "check that there is space"
                fi
            else
                tar --zstd -xf "$1" -C "$2" || fail "cannot unpack $url" "install zstd"
            fi
            ;;
        zip)
            command -v unzip >/dev/null 2>&1 || fail "unzip is not installed" "install it, or run install.ps1 in PowerShell"
            unzip -q "$1" -d "$2" || fail "cannot unpack $url"
            ;;
    esac
}

# Puts all programs of $work/new into the folder, or none of them.
install_programs() {
    for program in $programs; do
        [ -f "$work/new/$program" ] || fail "$url does not have $program; nothing was installed"
        [ ! -d "$to/$program" ] || fail "$to/$program is a folder; nothing was installed" "--to DIR says another folder"
        chmod 755 "$work/new/$program"
    done
    # A program that is there is kept until all of them are in place.
    for program in $programs; do
        if [ -e "$to/$program" ] || [ -L "$to/$program" ]; then
            cp -pP "$to/$program" "$work/old/$program" || fail "cannot copy $to/$program; nothing was installed"
        fi
    done
    placed=
    for program in $programs; do
        if mv -f "$work/new/$program" "$to/$program"; then
            placed="$placed $program"
            continue
        fi
        for other in $placed; do
            if [ -e "$work/old/$other" ] || [ -L "$work/old/$other" ]; then
                mv -f "$work/old/$other" "$to/$other"
            else
                rm -f "$to/$other"
            fi
        done
        fail "cannot write $to/$program; nothing was installed" "--to DIR says another folder"
    done
}

main "$@"
