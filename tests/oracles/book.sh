#!/usr/bin/env bash
# Builds docs/ as a web site with mdBook: target/book/docs/index.html. mdBook is compiled into target/oracles the first time,
# which takes a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=0.5.4
mdbook=$PWD/target/oracles/bin/mdbook
if [ "$("$mdbook" --version 2> /dev/null)" != "mdbook v$version" ]; then
    # Not optimised, as it renders twenty pages; without its own web server and file watcher.
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --no-default-features --features search \
        --root target/oracles "mdbook@$version"
fi
rm -rf target/book
"$mdbook" build
# What the pages link to outside docs/.
git ls-files schema examples | while read -r file; do
    mkdir -p "target/book/$(dirname "$file")"
    cp "$file" "target/book/$file"
done
