#!/usr/bin/env bash
# Prints the path of a CPython of the given release: on PATH, else in pyenv, else one that scripts/interpreters.sh
# brought. Prints nothing and fails when there is none.
#
# Usage: scripts/find-python.sh 3.13
#        scripts/find-python.sh 3.15-dbg    a debug build: it counts all references, and asserts
set -euo pipefail

release=${1:?usage: scripts/find-python.sh RELEASE, for instance 3.13}

# Runs and is that release, and isn't a venv's: what a shim of pyenv for another version would not.
# Prints its real path, so that a venv made from it doesn't depend on a shim.
resolve() {
    "$1" -I -c '
import sys
found = "%d.%d" % sys.version_info[:2] + ("-dbg" if hasattr(sys, "gettotalrefcount") else "")
if sys.implementation.name != "cpython" or found != sys.argv[1] or sys.prefix != sys.base_prefix:
    raise SystemExit(1)
print(sys.executable)
' "$release" 2>/dev/null
}

candidates=("python$release" python3)
if [[ -n ${PYENV_ROOT:-} || -d $HOME/.pyenv ]]; then
    for python in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$release".*/bin/python"$release"; do
        candidates+=("$python")
    done
fi
candidates+=("${PIKOS_INTERPRETERS:-${XDG_CACHE_HOME:-$HOME/.cache}/pikos-interpreters}/python$release")

for python in "${candidates[@]}"; do
    if command -v "$python" >/dev/null && resolve "$python"; then
        exit 0
    fi
done
exit 1
