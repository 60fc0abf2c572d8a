#!/usr/bin/env bash
# Whether the fuzz targets of the file formats fit the code that they try: they stand outside of the workspace, so nothing else compiles
# them. No fuzzer is built, for what is only checked isn't linked: the variable says that there is one. (The other crates' targets, which
# are few, need libzmq for it: as long as a build takes.)
set -euo pipefail
cd "$(dirname "$0")/../pstats-compat"

CUSTOM_LIBFUZZER_PATH=/dev/null cargo check --locked --quiet --bins --manifest-path fuzz/Cargo.toml --target-dir ../target/fuzz
