#!/bin/sh
if [ "$1" = --version ]; then
    echo "@NAME@ @VERSION@"
else
    exec style "@NAME@ @VERSION@"
fi
