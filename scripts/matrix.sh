#!/usr/bin/env bash
# Runs the Python suite (or the benchmark of overhead) on each of the given CPython releases and prints a table of what
# ran where. A failure on one release doesn't keep the others from running. A release that isn't on this machine is
# reported and fails the run only if REQUIRED names it.
#
# Usage: [REQUIRED="3.12 3.13"] scripts/matrix.sh [--bench] 3.12 3.13 3.14    (or `make matrix`, `make bench-matrix`)
set -euo pipefail
cd "$(dirname "$0")/.."

what=test done=passed
if [[ ${1:-} == --bench ]]; then
    what=bench done=measured
    shift
fi

results=()
status=0
for release in "$@"; do
    echo
    echo "==== CPython $release ===="
    if ! python=$(scripts/find-python.sh "$release"); then
        echo "CPython $release is not on this machine: $what did NOT run on it." >&2
        results+=("$release  NOT RUN: no such interpreter here")
        if [[ " ${REQUIRED:-} " == *" $release "* ]]; then
            status=1
        fi
        continue
    fi
    version=$("$python" -I -V)
    start=$SECONDS
    if make "$what-$release"; then
        results+=("$release  $done in $((SECONDS - start)) s  ($version)")
    else
        results+=("$release  FAILED after $((SECONDS - start)) s  ($version)")
        status=1
    fi
done

echo
echo "==== matrix ===="
printf '%s\n' "${results[@]}"
exit "$status"
