# The main flow of larder on another platform. The scripts beside this one source it, after they set:
#
#   root       an empty folder, with blanks and umlauts in its name, as this machine sees it
#   exe        .exe, or nothing
#   larder     a function that runs larder with its arguments, in the current folder
#   native     a function that prints a path as larder's platform writes it
#   program    a function that makes the program `$2` of version `$1`: see programs/app.c
#   copy       the command of a recipe that copies `$1` to `{{ out }}/$2`
#   shells     the shells whose line `larder env` must print
#
# Each step prints what it did and how long it took. The first wrong result ends the script.

set -euo pipefail

step=""
say() { printf '%-10s %s\n' "$(date +%H:%M:%S)" "$*"; }
wrong() {
    printf 'WRONG in step "%s": %s\n' "$step" "$*" >&2
    [ ! -s "$root/last" ] || sed 's/^/  | /' "$root/last" >&2
    exit 1
}
# Runs larder; its exit code must be `$1`.
runs() {
    local wanted=$1 code=0
    shift
    larder "$@" > "$root/last" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || wrong "larder $* ended with $code, not $wanted"
}
prints() { grep -qF -- "$1" "$root/last" || wrong "it did not print: $1"; }
is() { [ "$1" = "$2" ] || wrong "it is \"$1\", not \"$2\""; }
# What an installed program prints.
said() { larder exec -- "$@" 2>&1 | tr -d '\r'; }
outcome() { runs 0 --json ensure "$@"; }
field() { sed -n 's/^'"$2"': //p' "$root/project/subsystems/$1/.bin/.version" | tr -d '\r'; }
# Pins a version.
pin() { sed -i "s/^  $1: .*/  $1: $2/" versions.yml; }

begin() {
    step=$1
    begun=$(date +%s%N)
}
done_() { say "$step: $* ($((($(date +%s%N) - begun) / 1000000)) ms)"; }

main_flow() {
    mkdir -p "$root/project" "$root/starter"

    begin "version"
    runs 0 --version
    prints "larder "
    done_ "$(cat "$root/last")"

    begin "init"
    cd "$root/starter"
    runs 0 init
    prints "wrote versions.yml"
    runs 0 check
    runs 0 ensure all
    prints "built"
    is "$(said hello)" "hello v1.0.0"
    runs 0 run greet
    prints "hello v1.0.0"
    done_ "the starter project is built and runs"

    begin "project"
    cd "$root/project"
    local version name
    mkdir -p "subsystems/app/old & new" subsystems/web "subsystems/tool" "$root/www"
    for version in v1.0.0 v2.0.0 v3.0.0; do
        program "$version" "subsystems/app/old & new/app-$version$exe"
    done
    program v5.0.0 "$root/www/web$exe"
    (cd "$root/www" && zip -q web.zip "web$exe")
    printf 'versions:\n  app: v1.0.0\n  web: v5.0.0\nupload: never\n' > versions.yml
    cat > subsystems/app/recipe.yml << RECIPE
binaries: [app]
build:
  source: {dir: .}
  commands:
    - '$(copy "old & new/app-{{ version }}$exe" "app$exe")'
verify: app --version
RECIPE
    cat > subsystems/web/recipe.yml << RECIPE
binaries: [web]
upstream:
  url: "http://127.0.0.1:$port/web.zip"
  checksums: {$platform: $(sha256sum "$root/www/web.zip" | cut -d' ' -f1)}
verify: web --version
RECIPE
    rmdir subsystems/tool
    runs 0 check
    done_ "two recipes: a build, and a zip from a server"

    begin "ensure"
    outcome all
    prints '"subsystem":"app","version":"v1.0.0"'
    prints '"outcome":"built"'
    prints '"outcome":"downloaded"'
    is "$(field app version)" v1.0.0
    is "$(said app --version)" "app v1.0.0"
    is "$(said web --version)" "app v5.0.0"
    test -f versions.lock || wrong "there is no lock"
    done_ "one is built, the other downloaded"

    begin "no-op"
    runs 0 ensure all
    prints "2 up to date"
    rm .larder/state
    runs 0 ensure all
    prints "2 up to date"
    done_ "nothing to do, with the state and without it"

    begin "verify"
    runs 0 verify
    runs 0 status
    prints "fresh"
    runs 0 doctor
    done_ "the installed files are right"

    begin "exec"
    is "$(said app args "a b" '' 'c"d' 'e\' '%PATH%' | tr '\n' ' ')" '[a b] [] [c"d] [e\] [%PATH%] '
    runs 3 exec -- app exit 3
    runs 127 exec -- no-such-program
    done_ "arguments with blanks and quotes, exit codes"

    begin "upgrade"
    larder exec -- app wait "$(native "$root/stop")" > "$root/waiting" 2>&1 &
    local waiting=$!
    for _ in $(seq 100); do [ -e "$root/stop.here" ] && break || sleep 0.1; done
    [ -e "$root/stop.here" ] || wrong "the program does not run"
    pin app v2.0.0
    outcome app
    prints '"outcome":"built"'
    is "$(field app version)" v2.0.0
    is "$(said app --version)" "app v2.0.0"
    kill -0 "$waiting" || wrong "the old program ended"
    done_ "the program is replaced while it runs"

    begin "rollback"
    runs 0 rollback app
    is "$(said app --version)" "app v1.0.0"
    is "$(field app version)" v1.0.0
    touch "$root/stop"
    wait "$waiting" || wrong "the old program failed"
    is "$(tr -d '\r' < "$root/waiting")" "stopped v1.0.0"
    runs 0 rollback app
    is "$(said app --version)" "app v2.0.0"
    runs 0 ensure all
    prints "2 up to date"
    done_ "back to the old version, and to the new one again"

    begin "damage"
    printf x >> "subsystems/app/.bin/app$exe"
    runs 4 verify app
    outcome app
    prints '"outcome":"restored"'
    is "$(said app --version)" "app v2.0.0"
    done_ "a changed file is noticed, and restored from the cache"

    begin "release"
    runs 0 package app
    runs 0 release app
    test -f .larder-hub/app-v2.0.0/manifest.json || wrong "there is no release"
    runs 0 release app
    rm -r "$root/cache"
    runs 0 clean app
    test ! -e "subsystems/app/.bin/app$exe" || wrong "it is still there"
    outcome app --source managed
    prints '"outcome":"downloaded"'
    is "$(said app --version)" "app v2.0.0"
    ! grep -F '\' versions.lock > "$root/last" || wrong "the lock is another one on other systems"
    done_ "released to the folder hub and downloaded from it"

    begin "bump"
    runs 0 bump app v3.0.0
    prints v3.0.0
    outcome app
    is "$(said app --version)" "app v3.0.0"
    done_ "versions.yml is changed, and the new version built"

    begin "locked"
    runs 0 --json ensure all --locked
    runs 0 why app
    runs 0 plan
    done_ "nothing changes with --locked"

    begin "env"
    for name in $shells; do
        runs 0 env --shell "$name"
        grep -q 'subsystems.app..bin' "$root/last" || wrong "no folder for $name"
    done
    done_ "$shells"

    begin "failures"
    sed -i 's/^    - .*/    - exit 7/' subsystems/app/recipe.yml
    runs 1 ensure app
    prints "exit status 7"
    is "$(said app --version)" "app v3.0.0"
    done_ "a failed build keeps what is installed"

    begin "clean"
    runs 0 clean all
    test ! -e subsystems/web/.bin || wrong ".bin is still there"
    done_ "everything installed is removed"
}
