#!/usr/bin/env bash
# Judges wheels: twine, check-wheel-contents, and python, which refuses what the Python Package Index refuses of zip archives.
# usage: tests/oracles/channels/pypi.sh FOLDER    (needs python3, and twine and check-wheel-contents on PATH or in JUDGES)
set -euo pipefail
folder=$(realpath "$1")
PATH=${JUDGES:+$JUDGES:}$PATH

twine check --strict "$folder"/*.whl
# W007: there is no Python code that could be imported, because a wheel has programs. W002: two programs can have the same bytes.
check-wheel-contents --ignore W002,W007 "$folder"/*.whl
python3 - "$folder"/*.whl << 'PYTHON'
import base64, csv, hashlib, io, struct, sys, zipfile

for path in sys.argv[1:]:
    archive = zipfile.ZipFile(path)
    data = open(path, "rb").read()
    names = archive.namelist()
    records = [name for name in names if name.endswith(".dist-info/RECORD")]
    if len(records) != 1 or len(set(names)) != len(names):
        sys.exit(f"pypi: {path} has {len(records)} files named RECORD, or a name twice")
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(archive.read(records[0]).decode()))}
    if sorted(rows) != sorted(names):
        sys.exit(f"pypi: {path}: RECORD does not list what is there")
    for info in archive.infolist():
        flags, compressed, size = struct.unpack("<6xH10xLL4x", data[info.header_offset : info.header_offset + 30])
        if flags & 8 or (compressed, size) != (info.compress_size, info.file_size):
            sys.exit(f"pypi: {path}: the local header of {info.filename} does not state its size")
        mode = info.external_attr >> 16
        if mode != (0o100755 if ".data/scripts/" in info.filename else 0o100644):
            sys.exit(f"pypi: {path}: {info.filename} has the mode {mode:o}")
        digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read(info)).digest()).rstrip(b"=").decode()
        expected = ["", ""] if info.filename == records[0] else [f"sha256={digest}", str(info.file_size)]
        if rows[info.filename] != expected:
            sys.exit(f"pypi: {path}: RECORD is wrong about {info.filename}")
PYTHON
