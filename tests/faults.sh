#!/bin/sh
# Injects every fault at every call that changes the disk, for every command that writes, and prints
# the table of docs/reliability.md as Markdown. Takes about a quarter of an hour on two cores. An argument is
# a filter for the commands, as in `sh tests/faults.sh ensure`. The log is in target/faults.log.
set -eu
cd "$(dirname "$0")/.."
mkdir -p target
status=0
LARDER_TEST_KILL="${LARDER_TEST_KILL:-full}" RUST_BACKTRACE=0 cargo test --locked --test it \
    "slow::faults::${1:-}" -- --nocapture > target/faults.log 2>&1 || status=$?
awk -F' *[|] *' '
    $1 == "faults" && $3 ~ /^order of/ { renames += $4; bad += $7; commands[$2] = 1; next }
    $1 == "faults" {
        if (!($3 in injected)) order[++kinds] = $3
        injected[$3] += $4; old[$3] += $5; new[$3] += $6; wrong[$3] += $7
        all += $4; bad += $7; commands[$2] = 1
    }
    $1 == "hidden" { split($3, calls, " "); hidden += calls[1]; made += calls[3] }
    END {
        for (name in commands) count++
        print "| fault | injections | old state | new state | violations |"
        print "|---|---|---|---|---|"
        for (i = 1; i <= kinds; i++) {
            fault = order[i]
            printf "| %s | %d | %d | %d | %d |\n", fault, injected[fault], old[fault], new[fault], wrong[fault]
        }
        printf "\n%d commands, %d injections, %d renames with their flushes, %d violations\n", count, all, renames, bad
        printf "%d of %d calls could not be selected\n", hidden, made
    }' target/faults.log
[ "$status" = 0 ] || echo "the tests failed: see target/faults.log" >&2
exit "$status"
