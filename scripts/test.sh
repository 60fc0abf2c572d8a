#!/usr/bin/env bash
# Runs the Python suite with one interpreter: on all cores, the tests whose subject has a process of its own; beside them, in one
# process, those that profile the test process itself, which must have no threads of pytest-xdist's in it. Its words come last.
#
# A few failed tests run again by themselves: a loaded machine can take the core away between two looks at the clock. Each must
# pass five times in a row, and is still reported: as unsteady, here and in build/unsteady.txt, which `.ci/run` prints.
#
# Usage: [WORKERS=2] scripts/test.sh .venv/bin/python [ARGUMENTS FOR PYTEST]
# WORKERS=0 runs all in one process: what --pdb and -s need.
set -uo pipefail
cd "$(dirname "$0")/.."

python=$1
shift
workers=${WORKERS:-logical} # pytest-xdist's word for as many as there are cores
if [[ $workers == 0 ]]; then
    exec "$python" -m pytest tests "$@"
fi

unset PYTHONDONTWRITEBYTECODE # or pytest prepares all assertions anew in each of its processes
PASSED=0 FAILED=1 NOTHING_SELECTED=5 # pytest's exit codes
AT_MOST=3                            # failed tests that run again: more are no accident
TIMES=5
# Short, for the tests have sockets in there: a socket's path may have 107 bytes.
folder=$(mktemp -d "${TMPDIR:-/tmp}/pikos.XXXX")
trap 'rm -rf "$folder"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM
options() { # NAME: what keeps one run's files apart from the other's
    printf '%s\n' -o "cache_dir=$folder/$1-cache" "--basetemp=$folder/$1"
}

# Only the files that have some: finding the others' tests takes seconds.
mapfile -t files < <(grep -rl --include='test_*.py' 'mark\.in_process' tests | sort)
mapfile -t its_options < <(options a)
"$python" -m pytest "${files[@]}" "${its_options[@]}" --in-process only "$@" >"$folder/alone.txt" 2>&1 &
beside=$!
mapfile -t its_options < <(options p)
"$python" -m pytest tests "${its_options[@]}" --in-process never --numprocesses "$workers" --dist loadgroup "$@"
parallel=$?
if ((parallel != PASSED && parallel != FAILED && parallel != NOTHING_SELECTED)); then
    kill "$beside" 2>/dev/null
    exit "$parallel" # interrupted, or used wrongly
fi
wait "$beside"
alone=$?
cat "$folder/alone.txt"

if ((parallel == FAILED || alone == FAILED)); then
    # Where tests share something, pytest-xdist puts the group's name behind the test's.
    mapfile -t failed < <("$python" -c 'import json, pathlib, sys
for file in pathlib.Path(sys.argv[1]).glob("*-cache/v/cache/lastfailed"):
    for name in json.loads(file.read_text()):
        end = name.rfind("]") + 1
        print(name[:end] if end else name.partition("@")[0])' "$folder")
    ((${#failed[@]} > 0 && ${#failed[@]} <= AT_MOST)) || exit $FAILED
    for ((time = 1; time <= TIMES; time++)); do
        "$python" -m pytest "${its_options[@]}" -q "${failed[@]}" || exit $?
    done
    ((parallel == FAILED)) && parallel=$PASSED
    ((alone == FAILED)) && alone=$PASSED
    mkdir -p build
    printf "UNSTEADY on $python: failed once, then passed $TIMES times by itself: %s\n" "${failed[@]}" | tee -a build/unsteady.txt >&2
fi

if ((parallel == NOTHING_SELECTED)); then
    exit "$alone"
fi
((parallel == PASSED && alone == NOTHING_SELECTED)) && exit 0
exit $((parallel != PASSED ? parallel : alone))
