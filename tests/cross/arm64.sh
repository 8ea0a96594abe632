#!/usr/bin/env bash
# larder for arm64 Linux under qemu: the main flow. The installed programs are shell scripts, because this machine runs no
# programs of arm64 by themselves; that an executable is one of arm64 is checked at the end.
#
#   tests/cross/arm64.sh PATH/TO/larder
#
# It needs qemu-user, the libraries of arm64 (libc6-arm64-cross) unless larder is static, gcc-aarch64-linux-gnu, python3 and zip.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(realpath "$1")
work=$(mktemp -d)
root="$work/Über uns & wir"
mkdir -p "$root" "$work/tmp"
trap 'kill "$server" 2> /dev/null || true; rm -rf "$work"' EXIT

exe=
platform=linux-arm64
shells="sh fish pwsh"
native() { printf '%s' "$1"; }
larder() {
    env -i HOME="$work" TMPDIR="$work/tmp" LC_ALL=C.UTF-8 PATH="$PATH" LARDER_CACHE_DIR="$root/cache" NO_COLOR=1 \
        qemu-aarch64 -L /usr/aarch64-linux-gnu "$bin" "$@"
}
copy() { printf 'cp "%s" "{{ out }}/%s"' "$1" "$2"; }
program() { sed "s/@VERSION@/$1/" "$here/programs/app.sh" > "$2" && chmod 755 "$2"; }

. "$here/flow.sh"
. "$here/server.sh"
main_flow

step="arm64"
begin "executables"
cd "$root/project"
mkdir -p subsystems/native
aarch64-linux-gnu-gcc -O1 -s -DVERSION='"v1.0.0"' -o subsystems/native/arm64 "$here/programs/app.c"
cp "$(type -P true)" subsystems/native/amd64
cat > subsystems/native/recipe.yml << 'RECIPE'
binaries: [native]
build:
  source: {dir: .}
  commands: ['cp arm64 "{{ out }}/native"']
RECIPE
sed -i 's/^versions:/&\n  native: v1.0.0/' versions.yml
outcome native
prints '"platform":"linux-arm64"'
sed -i 's/cp arm64/cp amd64/' subsystems/native/recipe.yml
runs 1 ensure native
prints "linux-amd64"
done_ "an executable of arm64 is installed, and one of amd64 refused"

say "everything is as it should be"
