#!/bin/sh
# usage: make-upstream.sh FOLDER
# Creates FOLDER/greeter, a git repository with the tag v1.2.0.
set -eu
repo=$1/greeter
rm -rf "$repo"
mkdir -p "$repo"
cd "$repo"
git init --quiet --initial-branch=main
printf '#!/bin/sh\necho "greeter @VERSION@ says hello to ${1:-world}"\n' > greeter.sh
git add greeter.sh
git -c user.name=Example -c user.email=example@example.invalid commit --quiet --message "greeter: says hello"
git tag v1.2.0
