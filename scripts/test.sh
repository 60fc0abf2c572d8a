#!/usr/bin/env bash
# Runs the Python suite with one interpreter: first, on all cores, the tests whose subject has a process of its own; then,
# alone, those that profile the test process itself, which must have no threads of pytest-xdist's in it.
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
NOTHING_SELECTED=5 # pytest's exit code; one half of the suite may well have nothing for `-k word`
"$python" -m pytest tests --in-process never --numprocesses "$workers" --dist loadgroup "$@"
parallel=$?
if ((parallel != 0 && parallel != 1 && parallel != NOTHING_SELECTED)); then
    exit "$parallel" # interrupted, or used wrongly
fi
# Only the files that have some: finding the others' tests takes seconds.
files=$(grep -rl --include='test_*.py' 'mark\.in_process' tests | sort)
# shellcheck disable=SC2086 # a word for each file
"$python" -m pytest $files --in-process only "$@"
alone=$?
if ((parallel == NOTHING_SELECTED)); then
    exit "$alone"
fi
((parallel == 0 && alone == NOTHING_SELECTED)) && exit 0
exit $((parallel != 0 ? parallel : alone))
