#!/usr/bin/env bash
# Installs the wheel for this machine with pip, without an index, and runs its programs.
# usage: tests/oracles/channels/install-pypi.sh FOLDER    (needs python3 with venv)
# LARDER_JUDGE_ARGUMENT is the argument that the programs are started with (default --version).
set -euo pipefail
folder=$(realpath "$1")
argument=${LARDER_JUDGE_ARGUMENT:---version}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work

wheels=("$folder"/*.whl)
name=$(basename "${wheels[0]}")
name=${name%%-*}
python3 -m venv "$work/venv"
pip=("$work/venv/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --no-index --find-links "$folder" --pre "$name"
programs=$("$work/venv/bin/python" -m pip --disable-pip-version-check show --files "$name" | sed -n 's|^ *\.\./\.\./\.\./bin/||p')
[ -n "$programs" ] || {
    echo "install-pypi: the wheel has no programs" >&2
    exit 1
}
for program in $programs; do
    "$work/venv/bin/$program" "$argument" > /dev/null || {
        echo "install-pypi: $program $argument failed" >&2
        exit 1
    }
done
"${pip[@]}" uninstall --yes "$name"
for program in $programs; do
    [ ! -e "$work/venv/bin/$program" ]
done
