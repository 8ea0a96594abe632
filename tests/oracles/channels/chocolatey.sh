#!/usr/bin/env bash
# Judges a Chocolatey package: the manifest is valid by the schema of Chocolatey, and the package is a zip archive in the Open
# Packaging Conventions, which holds the same manifest and script.
# usage: NUSPEC_XSD=FILE tests/oracles/channels/chocolatey.sh FOLDER
# FOLDER is the folder `chocolatey` of a rendered subsystem; NUSPEC_XSD is nuspec.xsd of chocolatey/nuget-chocolatey, which is
# not part of this project. Needs xmllint, unzip and python3.
set -euo pipefail
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "chocolatey.sh: $1" >&2
    exit 1
}

[ -f "${NUSPEC_XSD:-}" ] || fail "NUSPEC_XSD does not name the schema nuspec.xsd"
namespace=http://schemas.microsoft.com/packaging/2015/06/nuspec.xsd
sed "s|{0}|$namespace|g" "$NUSPEC_XSD" > "$work/nuspec.xsd"

manifests=("$folder"/*.nuspec)
packages=("$folder"/*.nupkg)
[ -f "${manifests[0]}" ] && [ ${#manifests[@]} = 1 ] || fail "there is not one manifest in $folder"
[ -f "${packages[0]}" ] && [ ${#packages[@]} = 1 ] || fail "there is not one package in $folder"
xmllint --noout --schema "$work/nuspec.xsd" "${manifests[0]}" 2> "$work/errors" || {
    cat "$work/errors"
    fail "${manifests[0]} is not valid"
}

unzip -tqq "${packages[0]}" || fail "unzip can't read ${packages[0]}"
python3 - "$folder" "${manifests[0]}" "${packages[0]}" <<'PYTHON' || fail "${packages[0]} is not a package"
import os, re, sys, zipfile
import xml.etree.ElementTree as xml

folder, manifest, package = sys.argv[1:]
archive = zipfile.ZipFile(package)
assert archive.testzip() is None
names = archive.namelist()
read = lambda path: open(path, "rb").read()
assert archive.read(os.path.basename(manifest)) == read(manifest), "the manifest differs"
script = "tools/chocolateyinstall.ps1"
assert archive.read(script) == read(os.path.join(folder, script)), "the script differs"

relations = xml.fromstring(archive.read("_rels/.rels"))
targets = {relation.get("Type").rsplit("/", 1)[1]: relation.get("Target").lstrip("/") for relation in relations}
assert targets["manifest"] == os.path.basename(manifest), targets
properties = xml.fromstring(archive.read(targets["core-properties"]))
types = xml.fromstring(archive.read("[Content_Types].xml"))
known = {kind.get("Extension") for kind in types}
for name in names:
    assert name == "[Content_Types].xml" or name.rsplit(".", 1)[1] in known, name

space = {"n": "http://schemas.microsoft.com/packaging/2015/06/nuspec.xsd"}
metadata = xml.fromstring(archive.read(os.path.basename(manifest))).find("n:metadata", space)
text = lambda key: metadata.find("n:" + key, space).text
assert os.path.basename(package) == f"{text('id')}.{text('version')}.nupkg", package
# A version of SemVer 1, as Chocolatey has it.
assert re.fullmatch(r"\d+\.\d+\.\d+(\.\d+)?(-[A-Za-z][0-9A-Za-z-]{0,19})?", text("version")), text("version")

# Outside of strings the script has no quote, and each url has a digest.
code = archive.read(script).decode("utf-8-sig")
rest = re.sub(r"'(?:[^'\u2018-\u201b\n]|'')*(?:[\u2018-\u201b]{2}(?:[^'\u2018-\u201b\n]|'')*)*'", "", code)
assert not re.search("['\"`\u2018-\u201b]", rest), rest
digests = re.findall(r"^  checksum(?:64)? += '[0-9a-f]{64}'$", code, re.M)
assert len(re.findall(r"^  url", code, re.M)) == len(digests) >= 1, digests
PYTHON
echo "chocolatey.sh: the package in $folder is valid"
