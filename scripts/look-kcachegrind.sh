#!/usr/bin/env bash
# A picture of KCachegrind with one of our callgrind files, to be looked at: scripts/look-kcachegrind.sh FILE PICTURE.png
# Needs KCachegrind and a screen that is none; on Debian, as root:
#     apt-get install --no-install-recommends kcachegrind graphviz xvfb xauth dbus-daemon xdotool imagemagick
set -euo pipefail

(($# == 2)) || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
for tool in kcachegrind dot xvfb-run dbus-run-session xdotool import; do
    command -v $tool >/dev/null || { echo "$tool is not here:" >&2; sed -n '4s/^# *//p' "$0" >&2; exit 1; }
done
export HOME
HOME=$(mktemp -d) # settings of its own: the picture doesn't depend on anybody's
trap 'rm -rf "$HOME"' EXIT
export XDG_CONFIG_HOME=$HOME XDG_RUNTIME_DIR=$HOME
printf '[TipOfDay]\nRunOnStart=false\n' >"$HOME/kcachegrindrc"

# It ends at once without a D-Bus session.
xvfb-run -a -s '-screen 0 1600x1000x24' dbus-run-session -- bash -euo pipefail -c '
    kcachegrind "$1" &>"$HOME/log" &
    viewer=$!
    for _ in {1..60}; do
        window=$(xdotool search --onlyvisible --name "${1##*/}" | head -1) && break
        sleep 1
    done
    [[ $window ]] || { echo "no window of KCachegrind came up:" >&2; cat "$HOME/log" >&2; exit 1; }
    xdotool windowmove $window 0 0 windowsize $window 1600 1000
    sleep 5 # it draws its views after it has shown the window, and has dot lay out the call graph
    import -window root "$2"
    kill $viewer' - "$(realpath "$1")" "$(realpath -m "$2")"
