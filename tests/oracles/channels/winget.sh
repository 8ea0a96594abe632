#!/usr/bin/env bash
# Judges the three rendered manifests by winget's own JSON schemas.
# usage: WINGET_SCHEMAS=FOLDER tests/oracles/channels/winget.sh FOLDER    (needs check-jsonschema and grep)
# WINGET_SCHEMAS has winget.version.1.12.0.json, winget.installer.1.12.0.json, winget.defaultLocale.1.12.0.json.
set -euo pipefail
PATH=$PATH:$(realpath "$(dirname "$0")/../../..")/target/oracles/bin
schemas=$(realpath "${WINGET_SCHEMAS:?is the folder of the schemas of winget}")
cd "$1"
installer=$(echo *.installer.yaml)
id=${installer%.installer.yaml}
[ -f "$installer" ] || { echo "$1 has not exactly one *.installer.yaml: $installer" >&2; exit 1; }
for manifest in "version $id.yaml" "installer $installer" "defaultLocale $id.locale.en-US.yaml"; do
    kind=${manifest%% *}
    manifest=${manifest#* }
    check-jsonschema --schemafile "$schemas/winget.$kind.1.12.0.json" "$manifest" > /dev/stderr
    grep -qx "# yaml-language-server: \$schema=https://aka.ms/winget-manifest.$kind.1.12.0.schema.json" "$manifest" ||
        { echo "$manifest does not name its schema" >&2; exit 1; }
    grep -qxF "PackageIdentifier: \"$id\"" "$manifest" || { echo "$manifest is not of $id" >&2; exit 1; }
done
[ "$(find . -type f | wc -l)" = 3 ] || { echo "$1 has other files than three manifests" >&2; exit 1; }
echo "winget: $id is valid"
