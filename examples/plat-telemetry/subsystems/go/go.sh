#!/bin/sh
# Finds the machine's own go on PATH, after this launcher, and runs it with the pinned toolchain.
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
echo "Go is not installed on this machine; see https://go.dev/dl" >&2
exit 127
