#!/bin/sh
# Finds the machine's go behind this launcher on PATH and has it use the pinned toolchain.
own=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P)
IFS=:
for dir in $PATH; do
    [ -x "$dir/go" ] || continue
    there=$(CDPATH= cd -- "$dir" && pwd -P)
    [ "$there" = "$own" ] && continue
    cmp -s "$dir/go" "$0" && continue
    unset IFS
    GOTOOLCHAIN=go@VERSION@ exec "$dir/go" "$@"
done
echo "no Go on this machine; see https://go.dev/dl" >&2
exit 127
