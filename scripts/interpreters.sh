#!/usr/bin/env bash
# Brings CPython 3.14 and 3.15 to a Debian machine that has only older ones, for `make matrix`.
#
# Unpacks them from Debian forky, with the mirror and the keyring that this machine's apt already uses, into a
# folder outside the repository; nothing is installed into the system except the two tools named below.
# The interpreters are then told to use the C library that came with them (this machine's is older), so they
# are ordinary executables, without chroot or environment variables: sys.executable, `python -I`, venv with pip,
# valgrind and gdb work as usual. The folder can't be moved afterwards; delete it and run this again.
#
# Usage: scripts/interpreters.sh            idempotent; a second run takes no time
#        PIKOS_INTERPRETERS=/some/folder    instead of ${XDG_CACHE_HOME:-~/.cache}/pikos-interpreters
#        PIKOS_SKIP_INTERPRETERS=1          leave it alone
#
# What can't be had (no root, no network, no Debian) is said loudly, and the exit status is still 0: the suite
# then runs on fewer releases, and `make matrix` says on which. `scripts/find-python.sh` finds what is here.
set -euo pipefail

suite=forky
releases=(3.14 3.15)
packages=(
    python3.14 python3.14-venv libpython3.14-dev libpython3.14-testsuite
    python3.15 python3.15-venv libpython3.15-dev libpython3.15-testsuite
    python3.15-dbg  # reference totals and the interpreter's own assertions
    libstdc++6      # what the extension's C++ part needs at run time
)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
seconds_for_unpacking=420

home=${PIKOS_INTERPRETERS:-${XDG_CACHE_HOME:-$HOME/.cache}/pikos-interpreters}
root=$home/$suite
stamp=$root/.complete

main() {
    if [[ -n ${PIKOS_SKIP_INTERPRETERS:-} ]]; then
        give_up "PIKOS_SKIP_INTERPRETERS is set"
    fi
    if [[ -f $stamp && $(<"$stamp") == "$(wanted)" ]]; then
        show
        return
    fi
    mkdir -p "$home"
    exec 9>"$home/.lock"
    flock 9 # two clones on one machine share the folder
    if [[ ! -f $stamp || $(<"$stamp") != "$(wanted)" ]]; then
        install_tools
        unpack
    fi
    show
}

# What the stamp must say: a changed list of packages unpacks again.
wanted() {
    echo "$suite" "${packages[@]}"
}

give_up() {
    {
        echo "======================================================================"
        echo "  CPython ${releases[*]} are NOT available here: $1."
        echo "  The suite does not run on them."
        echo "======================================================================"
    } >&2
    exit 0
}

# mmdebstrap unpacks Debian packages without a chroot; patchelf tells the interpreters where their libc is.
install_tools() {
    local missing=()
    command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
    command -v patchelf >/dev/null || missing+=(patchelf)
    [[ -f $keyring ]] || missing+=(debian-archive-keyring)
    if ((${#missing[@]} == 0)); then
        return
    fi
    command -v apt-get >/dev/null || give_up "this takes apt, and this system has none"
    if ((EUID != 0)); then
        give_up "install ${missing[*]} first (as root: apt-get install ${missing[*]})"
    fi
    apt_get update || give_up "'apt-get update' failed"
    apt_get install --no-install-recommends "${missing[@]}" || give_up "'apt-get install ${missing[*]}' failed"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive timeout 300 \
        apt-get -y -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=30 "$@" </dev/null >/dev/null
}

# The archive that this system itself is installed from, whatever mirror that is.
# (apt knows it only after an `apt-get update`, which a fresh container image may not have had.)
mirrors() {
    local codename found
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    found=$(mirrors_of "$codename")
    if [[ -z $found ]] && ((EUID == 0)); then
        apt_get update || true
        found=$(mirrors_of "$codename")
    fi
    echo "$found"
}

mirrors_of() {
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | awk -v r="$1" '$1 == r { print $2 }' | sort -u
}

unpack() {
    local partial=$root.partial mirror log
    log=$(mktemp)
    for mirror in $(mirrors); do
        echo "Unpacking ${releases[*]} from Debian $suite into $root ..."
        rm -rf "$partial"
        # Check-Valid-Until: a mirror that is a snapshot of some day carries that day's date.
        if timeout "$seconds_for_unpacking" mmdebstrap --variant=extract --quiet --keyring="$keyring" \
            --aptopt='Acquire::Check-Valid-Until "false"' \
            --aptopt='Acquire::Retries "1"' --aptopt='Acquire::http::Timeout "30"' \
            --include="$(IFS=, && echo "${packages[*]}")" \
            "$suite" "$partial" "$mirror" </dev/null >"$log" 2>&1; then
            settle "$partial"
            rm -f "$log"
            return
        fi
        tail -n 20 "$log" >&2
        rm -rf "$partial"
    done
    rm -f "$log"
    give_up "this machine's Debian mirror did not deliver $suite"
}

# Makes the unpacked tree usable at its final place, then moves it there in one step.
settle() {
    local partial=$1 library loader python
    library=$(dirname "$(find "$partial/usr/lib" -maxdepth 2 -name 'ld-linux*.so.*' | head -n 1)")
    loader=$(basename "$(find "$library" -maxdepth 1 -name 'ld-linux*.so.*' | head -n 1)")
    library=$root${library#"$partial"}
    for python in "$partial"/usr/bin/python3.1[0-9] "$partial"/usr/bin/python3.1[0-9]d; do
        [[ -f $python && ! -L $python ]] || continue
        # An RPATH, not a RUNPATH: it holds for the libraries of the standard library's extensions, too.
        patchelf --set-interpreter "$library/$loader" --force-rpath --set-rpath "$library" "$python"
    done
    # `-m venv` takes pip's wheel from here.
    grep -rlF "'/usr/share/python-wheels/'" "$partial"/usr/lib/python3.1[0-9]/ --include='_sysconfigdata*.py' |
        xargs -r sed -i "s|'/usr/share/python-wheels/'|'$root/usr/share/python-wheels/'|"
    wanted >"$partial/.complete"
    rm -rf "$root"
    mv "$partial" "$root"
    for python in "$root"/usr/bin/python3.1[0-9] "$root"/usr/bin/python3.1[0-9]-dbg; do
        [[ -e $python ]] || continue
        # Not a symbolic link: a venv would take the link's folder for the interpreter's home.
        printf '#!/bin/sh\nexec "%s" "$@"\n' "$(realpath "$python")" >"$home/$(basename "$python").new"
        chmod +x "$home/$(basename "$python").new"
        mv -f "$home/$(basename "$python").new" "$home/$(basename "$python")"
    done
}

show() {
    local release python
    for release in "${releases[@]}"; do
        python=$home/python$release
        if "$python" -I -c 'import ssl, ctypes, test.support' 2>/dev/null; then
            echo "$("$python" -I -V): $python"
        else
            give_up "$python does not run (delete $home and try again)"
        fi
    done
}

main
