#!/bin/sh
# The same as app.c, for machines that can't run what this one compiles.
case ${1---version} in
    args) shift && printf '[%s]\n' "$@" ;;
    exit) exit "$2" ;;
    wait)
        : > "$2.here"
        while [ ! -e "$2" ]; do sleep 0.05; done
        echo "stopped @VERSION@"
        ;;
    *) echo "app @VERSION@" ;;
esac
