#!/usr/bin/env bash
# Builds larder for Windows and for arm64 Linux, and runs the main flow there: in wine, and under qemu.
#
#   tests/cross/run.sh            LARDER_CI_CROSS=0 leaves it out
#   tests/cross/run.sh tools      only installs what is missing
#   tests/cross/run.sh build      only compiles, as long as that takes
#
# It installs what is missing where it can (Debian, as root). The standard libraries come from rustup, or else from Debian's own
# packages for Rust. What can't be installed, or does not fit into the budget of ten minutes, is said and left out; a step that
# finds something wrong fails.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
budget=${LARDER_CI_CROSS_SECONDS:-600}
[ "${1:-}" != build ] || budget=3600
target=$PWD/target/cross
export CARGO_TARGET_DIR=$target CARGO_PROFILE_DEV_DEBUG=false CARGO_INCREMENTAL=0

left_out() {
    echo "other platforms: $1 (LARDER_CI_CROSS=0 leaves them out without a word about tools)"
    exit 0
}
say() { printf '%s (at %d s)\n' "$1" "$SECONDS"; }
# Runs a command within what is left of the budget. Its own failure is that of this script.
within_budget() {
    local code=0
    timeout "$((budget > SECONDS ? budget - SECONDS : 1))" "$@" || code=$?
    if [ "$code" = 124 ]; then left_out "not finished within $budget s"; fi
    return "$code"
}

if [ "${LARDER_CI_CROSS:-1}" = 0 ]; then
    echo "other platforms are not tried: LARDER_CI_CROSS=0"
    exit 0
fi
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || left_out "they are only tried on Linux, amd64"

# program:package
tools=(wine64:wine64 qemu-aarch64:qemu-user x86_64-w64-mingw32-gcc:gcc-mingw-w64-x86-64 aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
    python3:python3 zip:zip)
missing=()
for pair in "${tools[@]}"; do
    # Debian has wine64 in a folder of its own.
    PATH=$PATH:/usr/lib/wine command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
done
[ -d /usr/aarch64-linux-gnu/lib ] || missing+=(libc6-dev-arm64-cross)
install() {
    [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || return 1
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}
if ((${#missing[@]})); then
    install "${missing[@]}" || left_out "these packages can't be installed: ${missing[*]}"
fi

# The standard libraries: of rustup's toolchain, or those of Debian's rustc. Debian has none for Windows, but the sources.
if timeout 60 rustup target add x86_64-pc-windows-gnu aarch64-unknown-linux-gnu > /dev/null 2>&1; then
    windows=(cargo build) arm64=(cargo build)
else
    if ! [ -d /usr/lib/rustlib/src/rust/library ]; then
        install rustc-web cargo-web libstd-rust-web-dev rust-web-src || left_out "no standard library for them can be installed"
    fi
    if ! [ -d /usr/lib/rustlib/aarch64-unknown-linux-gnu ]; then
        # Taken by itself: the other packages of arm64 are not needed.
        apt=$target/apt
        mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
        options=(-qq -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache")
        (cd "$apt" && apt-get "${options[@]}" update && apt-get "${options[@]}" download libstd-rust-web-dev:arm64 &&
            dpkg-deb -x libstd-rust-web-dev_*_arm64.deb unpacked &&
            cp -r unpacked/usr/lib/rustlib/aarch64-unknown-linux-gnu /usr/lib/rustlib/) || left_out "there is no standard library for arm64"
    fi
    # Not rustup's proxies: they would take the toolchain of this folder.
    debian=(env PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc)
    windows=("${debian[@]}" RUSTC_BOOTSTRAP=1 /usr/bin/cargo build -Z "build-std=std,panic_abort")
    arm64=("${debian[@]}" /usr/bin/cargo build)
fi
[ "${1:-}" != tools ] || exit 0
# Little is compressed there.
quick=(--config profile.dev.package.zstd-sys.opt-level=0 --config profile.dev.package.libdeflate-sys.opt-level=0)
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc

say "larder for arm64 Linux"
within_budget "${arm64[@]}" "${quick[@]}" --quiet --locked --target aarch64-unknown-linux-gnu --bin larder
say "larder for Windows"
within_budget "${windows[@]}" "${quick[@]}" --quiet --locked --target x86_64-pc-windows-gnu --bin larder
say "both are compiled"
[ "${1:-}" != build ] || exit 0
within_budget bash "$here/arm64.sh" "$target/aarch64-unknown-linux-gnu/debug/larder"
flow=(bash "$here/windows.sh" "$target/x86_64-pc-windows-gnu/debug/larder.exe")
for try in 1 2 3; do
    within_budget "${flow[@]}" && break
    # Debian's wine ends by itself now and then ("wine client error"); what is wrong with larder fails each time.
    [ "$try" != 3 ] || exit 1
    say "the flow failed in wine; once more"
done
say "both work"
