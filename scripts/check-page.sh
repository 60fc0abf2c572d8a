#!/usr/bin/env bash
# Whether the pages that the Rust code includes are what page/ builds, and their types fit; with `test`, the page's own tests as
# well. Takes node, npm, and npm's registry or its cache, and for some of the tests Chromium; where these aren't to be had it
# says so, loudly, and passes.
set -euo pipefail
cd "$(dirname "$0")/../page"

not_checked() {
    printf '\n######## NOT CHECKED: the pages that a browser shows: %s\n\n' "$1" >&2
    exit 0
}

command -v npm >/dev/null || not_checked "npm is not here (Debian: npm)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! npm ci --prefer-offline --no-audit --no-fund >"$log" 2>&1; then
    # A lock file that doesn't fit package.json is our fault, not the registry's.
    if grep -q 'code EUSAGE' "$log"; then
        cat "$log" >&2
        exit 1
    fi
    not_checked "npm's registry does not answer: $(tail -n 1 "$log")"
fi
npm run --silent check
if [[ ${1-} == test ]]; then
    npm test --silent
fi
