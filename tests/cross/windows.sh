#!/usr/bin/env bash
# larder.exe in wine: the main flow, and what is special about Windows.
#
#   tests/cross/windows.sh PATH/TO/larder.exe
#
# It needs wine (wine64 of Debian, whose version 8 lacks bcryptprimitives.dll: see WINEPREFIX below), the mingw-w64 compiler,
# python3 and zip. WINEPREFIX may name a prepared prefix; otherwise one is made.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(realpath "$1")
work=$(mktemp -d)
root="$work/Über uns & wir"
mkdir -p "$root"
trap 'kill "$server" 2> /dev/null || true; rm -rf "$work"' EXIT
export PATH=/usr/lib/wine:$PATH WINEDEBUG=-all

if [ -z "${WINEPREFIX:-}" ]; then
    export WINEPREFIX=$work/prefix
    mkdir "$WINEPREFIX"
    wine64 wineboot -i > /dev/null 2>&1
fi
if [ ! -e "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" ]; then
    # Rust's standard library takes its random bytes there.
    x86_64-w64-mingw32-gcc -O1 -shared -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" \
        "$here/programs/bcryptprimitives.c" -ladvapi32
fi

exe=.exe
platform=windows-amd64
shells="pwsh cmd sh fish"
native() { printf 'Z:%s' "${1//\//\\}"; }
wine_() {
    env -i HOME="$work" LC_ALL=C.UTF-8 PATH="$PATH" WINEPREFIX="$WINEPREFIX" WINEDEBUG=-all \
        LARDER_CACHE_DIR="$(native "$root/cache")" LARDER_LINKS=never NO_COLOR=1 "${more[@]}" wine64 "$@"
}
more=(X=1)
larder() { wine_ "$bin" "$@"; }
# Builds and `verify` lines run in cmd, so what it does with quotes is tested, too.
copy() { printf 'copy /b "%s" "{{ out }}\\%s" > nul' "${1//\//\\}" "$2"; }
program() { x86_64-w64-mingw32-gcc -O1 -s -DVERSION="\"$1\"" -o "$2" "$here/programs/app.c"; }

. "$here/flow.sh"
. "$here/server.sh"
main_flow

cd "$root/project"
step="windows"
begin "scripts"
mkdir -p subsystems/note
cat > subsystems/note/recipe.yml << 'RECIPE'
binaries: [note.cmd]
build:
  source: {dir: .}
  tools: {greeter: "1.2"}
  commands:
    - 'greeter --version > nul'
    - '> "{{ out }}\note.cmd" echo @echo note {{ version }} %1'
verify: note
RECIPE
printf '@echo greeter 1.2.3\r\n' > "$root/greeter.cmd"
printf '  note: v1.0.0\n' > "$root/line"
sed -i '/^versions:/r '"$root/line" versions.yml
more=(WINEPATH="$(native "$root")")
outcome note
prints '"outcome":"built"'
test -f subsystems/note/.bin/note.cmd || wrong "the name of a script changed"
is "$(said note 'a b')" 'note v1.0.0 "a b"'
is "$(said note.cmd x)" 'note v1.0.0 x'
done_ "tools and programs that are scripts are found by PATHEXT"

begin "exit codes"
cat > subsystems/app/recipe.yml << RECIPE
binaries: [app]
build:
  source: {dir: .}
  commands: ['$(copy "old & new/app-{{ version }}$exe" "app$exe")']
verify: app --version
RECIPE
runs 0 ensure app
code=0
larder exec -- app exit 0xC0000100 > "$root/last" 2>&1 || code=$?
[ "$code" != 0 ] || wrong "the exit code 0xC0000100 became 0"
printf 'tasks:\n  crash: {commands: [app exit 0xC0000005]}\n  quiet: {commands: [app exit 256]}\n' >> versions.yml
runs 1 run crash
prints "exit code 0xC0000005"
runs 1 run quiet
prints "exit code 0x00000100"
done_ "codes over 255 are failures, and shown as hexadecimal numbers"

begin "tasks"
cat >> versions.yml << 'TASKS'
  quotes: {commands: ['echo "a b" & echo c', 'app args "a b" "c d"', '"%ComSpec%" /C echo "deep"', 'if "%NUMBER_OF_PROCESSORS%"=="" exit 9']}
TASKS
runs 0 run quotes
prints '"a b"'
prints '[c d]'
prints 'deep'
done_ "lines of cmd with quotes"

begin "variables"
sed -i "s/^  commands: .*/  commands: ['if not defined ProgramFiles(x86) exit 5', 'if not defined windir exit 6', 'if not defined NUMBER_OF_PROCESSORS exit 7', 'if not defined SECRET_TOKEN exit 8']/" subsystems/app/recipe.yml
more=(SECRET_TOKEN=x)
runs 1 ensure app
prints "exit status 8"
done_ "builds get the variables of Windows and no secrets"

begin "running"
more=(X=1)
cat > subsystems/app/recipe.yml << RECIPE
binaries: [app]
build:
  source: {dir: .}
  commands: ['$(copy "old & new/app-{{ version }}$exe" "app$exe")']
RECIPE
runs 0 ensure app
rm -f "$root/stop" "$root/stop.here"
larder exec -- app wait "$(native "$root/stop")" > "$root/waiting" 2>&1 &
waiting=$!
for _ in $(seq 100); do [ -e "$root/stop.here" ] && break || sleep 0.1; done
# Several upgrades, while the first version still runs: none fails, and nothing is half done.
for version in v1.0.0 v2.0.0 v3.0.0 v1.0.0; do
    pin app "$version"
    runs 0 ensure app
    is "$(said app --version)" "app $version"
    is "$(field app version)" "$version"
done
runs 0 clean app
test ! -e "subsystems/app/.bin/app$exe" || wrong "it is still there"
touch "$root/stop"
wait "$waiting"
runs 0 ensure app
left=$(ls "subsystems/app/.bin/.v")
[ "$(wc -w <<< "$left")" -le 1 ] || wrong "leftovers: $left"
done_ "a program that runs is moved aside and swept later"

say "everything is as it should be"
