#!/usr/bin/env bash
# Renders a project a second time, as on another machine: another user, umask, home, zone, locale, clock and folder, and
# built and packaged there. Only the provenance, which says what was observed, may differ.
# usage: two_machines.sh LARDER PROJECT RENDERED
set -euo pipefail
larder=$(realpath "$1") project=$(realpath "$2") rendered=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp "$larder" "$work/larder"
chmod 755 "$work/larder"
place=$work/a/longer/path/of/another/machine
mkdir -p "$place"
cp -r --preserve=timestamps "$project" "$place/project"
rm -rf "$place/project"/{.dist,.larder,hub} "$place"/project/subsystems/*/.bin
find "$place/project" -exec touch -h -d '2031-02-03 04:05:06' {} +

as_another=()
if [ "$(id -u)" = 0 ]; then
    chown -R 65534:65534 "$work/a"
    as_another=(setpriv --reuid 65534 --regid 65534 --clear-groups)
else
    echo "not root: the second machine has the same user"
fi
clock=()
if command -v faketime > /dev/null; then
    clock=(faketime -f '+400d')
else
    echo "faketime is not installed: the second machine has the same clock, some seconds later"
fi
# The script runs there with the given environment alone.
(
    umask 077
    cd "$place"
    env -i PATH="$PATH" HOME="$place" LARDER_CACHE_DIR="$place/cache" TZ=Pacific/Chatham LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 USER=other \
        NO_FAKE_STAT=1 FAKETIME_DONT_FAKE_MONOTONIC=1 "${as_another[@]}" "${clock[@]}" sh -euc '
        cd project
        "$1" --quiet ensure all --platform all
        "$1" --quiet package all --platform all
        "$1" --quiet publish all --render ${2:+--to "$2"} --out out' - "$work/larder" "${LARDER_JUDGED_CHANNELS:-}"
)
second=$place/project/out
diff -r --exclude provenance.intoto.jsonl "$rendered" "$second"
# A folder's mode is that of the umask.
modes() { (cd "$1" && find . -type f -printf '%P %m\n' | LC_ALL=C sort); }
diff <(modes "$rendered") <(modes "$second")
[ "$(find "$rendered" -type f | wc -l)" -gt 10 ]
echo "two machines: $(find "$rendered" -type f | wc -l) files are the same, byte for byte"
