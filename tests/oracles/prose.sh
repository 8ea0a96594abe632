#!/usr/bin/env bash
# Reads the documentation, and the texts that larder shows, for wordings that we do not use (textlint, with the rules in
# tests/oracles/prose/), and everything for misspelled words (typos). Both are installed in target/oracles.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/target/oracles
rules=$PWD/tests/oracles/prose

[ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check typos==1.52.0
npm install --silent --no-save --no-package-lock --no-fund --no-audit --ignore-scripts --prefix "$tools/prose" \
    textlint@15.8.0 textlint-rule-prh@6.1.0 textlint-rule-en-max-word-count@1.0.2

failed=0
"$tools/bin/typos" --format brief || failed=1

textlint=("$tools/prose/node_modules/.bin/textlint" --rules-base-directory "$tools/prose/node_modules"
    --config "$rules/textlint.json" --format unix)
git ls-files -z '*.md' | xargs -0 "${textlint[@]}" || failed=1

# What is found in a message is shown with the message's place in the source.
messages=$tools/prose/messages.md
python3 "$rules/messages.py" > "$messages"
if ! "${textlint[@]}" "$messages" > "$messages.found"; then
    failed=1
    awk -F: 'NR == FNR { if (/^`.*:[0-9]+`$/) place = $0; places[FNR] = place; next }
        $2 in places { place = places[$2]; sub(/^[^:]*:[0-9]*:[0-9]*/, ""); print place $0 }' "$messages" "$messages.found"
fi
exit "$failed"
