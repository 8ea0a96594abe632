#!/usr/bin/env bash
# Judges installation scripts: shellcheck and the parsers of three shells; PowerShell's parser, where it is installed.
# usage: tests/oracles/channels/installer.sh FOLDER    (needs dash and busybox, and shellcheck on PATH or in JUDGES)
set -euo pipefail
folder=$(realpath "$1")
PATH=${JUDGES:+$JUDGES:}$PATH

shellcheck --shell=sh "$folder/install.sh"
dash -n "$folder/install.sh"
busybox sh -n "$folder/install.sh"
bash --posix -n "$folder/install.sh"
# A script that arrives cut off does nothing.
lines=$(wc -l < "$folder/install.sh")
for cut in $(seq 1 "$((lines - 1))"); do
    head -n "$cut" "$folder/install.sh" > "$folder/.cut"
    # Only syntax errors may be said, and nothing may be done: no command is found.
    if said=$(PATH=/nonexistent HOME=/nonexistent "$(command -v dash)" "$folder/.cut" 2>&1) && [ -n "$said" ]; then
        rm "$folder/.cut"
        echo "installer: install.sh does something when it is cut off after line $cut: $said" >&2
        exit 1
    fi
done
rm "$folder/.cut"
if LC_ALL=C grep -n '[^ -~]' "$folder/install.ps1"; then
    echo "installer: install.ps1 is not ASCII, which Windows PowerShell reads in the code page of the machine" >&2
    exit 1
fi
[ "$(sed -n '/^Install-LarderPackage/=' "$folder/install.ps1")" = "$(wc -l < "$folder/install.ps1")" ]
if command -v pwsh > /dev/null; then
    # shellcheck disable=SC2016 # the variables are PowerShell's
    pwsh -NoProfile -Command '$errors = $null; [void][System.Management.Automation.Language.Parser]::ParseFile($args[0], [ref]$null, [ref]$errors); $errors; exit $errors.Count' "$folder/install.ps1"
fi
