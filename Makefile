# `make help` says what there is. Every step leaves a stamp and runs again only when what it is made from has changed.
# Nothing is installed outside this folder, except by `make interpreters` (scripts/interpreters.sh says what).

PYTHON ?= python3# the interpreter of `make run`, `make test` and `make check`
RELEASES ?= 3.11 3.12 3.13 3.14 3.15# those of `make matrix`
REQUIRED ?=# those of them without which `make matrix` fails
DEBUG_ON ?= $(HERE)# the release of `make test-debug`
ASSERTED ?=# releases that `make matrix` and `make test-%` build with the engine's assertions on
EXAMPLE ?= site# `make run` profiles examples/$(EXAMPLE).py
PYTEST_ARGS ?=
DIST ?= wheel sdist# what `make test-dist` builds and installs
WHEEL_FLAGS ?= --zig --target $$(rustc --print host-tuple) --compatibility manylinux_2_17# none: for this machine's glibc and later
WORKERS ?= logical# processes that share the Python suite; 0 for --pdb or -s
BENCH_ARGS ?=# for `make bench`: --quick, or --programs go,sympy; what `make bench BENCH_ARGS=--help` lists

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL: # pip and cargo would only wait for each other

HERE := $(shell $(PYTHON) -c 'import sys; sys.version_info >= (3, 11) and print("%d.%d" % sys.version_info[:2])')
ifeq ($(HERE),)
$(error $(PYTHON) is not a Python of 3.11 or newer; name one: make PYTHON=/path/to/python3.11)
endif
VENV := .venv-$(HERE)
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

# Crates that are of use without the others.
ALONE := lsprof-engine pstats-compat pikos-os pikos-wire

# Folders are in the list because a deleted file changes nothing else. What fuzzing writes comes and goes.
SOURCES := Cargo.toml Cargo.lock pyproject.toml $(wildcard .cargo .cargo/*) $(shell \
	find lsprof-rs pstats-compat crates \( -name target -o -name fuzz \) -prune -o -print; \
	find python -name __pycache__ -prune -o ! -name '*.so' -print)
TEST_REQUIREMENTS := $(wildcard tests/requirements.txt)
FETCH_SDISTS := $(wildcard tests/support/fetch_sdists.py)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z%.-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	echo
	echo "  PYTHON=$(PYTHON) ($(HERE))   RELEASES=\"$(RELEASES)\"   EXAMPLE=$(EXAMPLE)   PYTEST_ARGS=\"-k word\""

.PHONY: run
run: build ## Build and install into .venv, profile an example program, show where its time goes
	@mkdir -p build/run
	profile=build/run/$(EXAMPLE).pstats callgrind=build/run/$(EXAMPLE).callgrind
	echo "+ .venv/bin/python -m pikos.cprofile -o $$profile examples/$(EXAMPLE).py"
	.venv/bin/python -m pikos.cprofile -o $$profile examples/$(EXAMPLE).py
	.venv/bin/python -c 'import pstats, sys; pstats.Stats(sys.argv[1]).sort_stats("cumulative").print_stats(25)' $$profile
	.venv/bin/pyprof2calltree -i $$profile -o $$callgrind >build/run/pyprof2calltree.log 2>&1 ||
		{ cat build/run/pyprof2calltree.log >&2; exit 1; }
	echo "The profile:            $$profile   (pstats, snakeviz and gprof2dot read it)"
	echo "Open it in KCachegrind: kcachegrind $$callgrind"
	echo "  which was made by:    .venv/bin/pyprof2calltree -i $$profile -o $$callgrind"

.PHONY: build
build: $(VENV)/.installed ## Build the package and install it into .venv, without running anything
	@ln -sfn $(VENV) .venv

.PHONY: test
test: build $(VENV)/.tests ## The tests of the Rust crates and the Python suite, on PYTHON's release: both, also after a failure
	@echo "+ cargo test --workspace --profile assertions"
	outcome=0
	PYO3_PYTHON=$(CURDIR)/$(VENV)/bin/python cargo test --locked --quiet --workspace --profile assertions --no-fail-fast || outcome=$$?
	WORKERS=$(WORKERS) scripts/test.sh $(VENV)/bin/python $(PYTEST_ARGS) || outcome=$$?
	exit $$outcome

.PHONY: test-%
test-%: .venv-%/.installed .venv-%/.tests ## The Python suite on one release: make test-3.13
	@WORKERS=$(WORKERS) scripts/test.sh .venv-$*/bin/python $(PYTEST_ARGS)

.PHONY: test-clusters
test-clusters: build $(VENV)/.tests ## Dask and Spark (which needs Java), on clusters of this machine; says loudly what can't be had here
	@while read -r requirement; do
		case $$requirement in ''|'#'*) continue;; esac
		echo "+ pip install $$requirement"
		$(VENV)/bin/python $(PIP_INSTALL) "$$requirement" || echo "NOT TRIED: $$requirement can't be had for this Python" >&2
	done <tests/clusters/requirements.txt
	$(VENV)/bin/python -m pytest tests/clusters $(PYTEST_ARGS)

.PHONY: test-debug
test-debug: .venv-debug/.installed .venv-debug/.tests ## The Python suite with the engine's own assertions on (slower)
	@WORKERS=$(WORKERS) scripts/test.sh .venv-debug/bin/python $(PYTEST_ARGS)

.PHONY: matrix
matrix: interpreters ## The Python suite on 3.11 to 3.15; says loudly which releases are not here
	@REQUIRED="$(REQUIRED)" scripts/matrix.sh $(RELEASES)

.PHONY: interpreters
interpreters: ## Bring CPython 3.14 and 3.15 to this machine (Debian, as root)
	@scripts/interpreters.sh

.PHONY: check
check: build ## Formatting, lints, types, the stub and the architecture's rules: all of them, also after a failure
	@failed=()
	run() { echo "+ $$*"; "$$@" || failed+=("$$*"); }
	export PYO3_PYTHON=$(CURDIR)/$(VENV)/bin/python
	run cargo fmt --all --check
	# The profile of the tests, which share what it takes of C++.
	run cargo clippy --locked --workspace --all-targets --profile assertions --keep-going --quiet -- -D warnings
	# Each on its own, so that another's feature flags can't hide an error.
	for crate in $(ALONE); do
		run cargo check --locked --quiet --profile assertions -p $$crate
	done
	run .venv/bin/ruff check
	run .venv/bin/ruff format --check
	run .venv/bin/mypy
	run test -f python/pikos/_lsprof.pyi -a -f python/pikos/_cli.pyi # without a stub, stubtest finds nothing wrong
	run .venv/bin/python -m mypy.stubtest pikos._lsprof pikos._cli
	run .venv/bin/python scripts/check_architecture.py
	run .venv/bin/python scripts/check_links.py
	run scripts/check-fuzz.sh
	run scripts/check-page.sh
	run $(MAKE) check-ordering
	if (($${#failed[@]})); then
		printf 'FAILED: %s\n' "$${failed[@]}" >&2
		exit 1
	fi

.PHONY: page
page: ## Build the report's page and the live one anew from page/ (npm)
	@cd page
	npm ci --prefer-offline --no-audit --no-fund --silent
	npm run --silent build

.PHONY: web
web: ## The pages: types, whether they are what page/ builds, tests in Node and in Chromium (npm)
	scripts/check-page.sh test

.PHONY: bench-web
bench-web: ## How fast the live page is, in Chromium (npm)
	@cd page
	npm ci --prefer-offline --no-audit --no-fund --silent
	npm run --silent bench

.PHONY: wheel
wheel: $(VENV)/.dist ## A wheel for PYTHON's release and every Linux since 2014 (glibc 2.17), in dist/
	@rm -f dist/pikos-*-cp$(subst .,,$(HERE))-*-manylinux*.whl
	export PATH=$(CURDIR)/$(VENV)/bin:$$PATH # zig is found there
	maturin build --release $(WHEEL_FLAGS) -i $(VENV)/bin/python -o dist

.PHONY: sdist
sdist: $(VENV)/.tools ## The source distribution, in dist/
	@rm -f dist/pikos-*.tar.gz
	$(VENV)/bin/maturin sdist -o dist

.PHONY: test-dist
test-dist: $(DIST) ## Both, each in a fresh venv outside of this folder, with README's uses as they stand
	@$(VENV)/bin/python scripts/test_dist.py $(if $(filter wheel,$(DIST)),dist/pikos-*-cp$(subst .,,$(HERE))-*.whl) \
		$(if $(filter sdist,$(DIST)),dist/pikos-*.tar.gz)

.PHONY: docs
docs: $(VENV)/.docs ## The site, in build/site
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet
	echo "build/site/index.html"

.PHONY: pictures
pictures: build $(VENV)/.tests ## The pictures of docs/pictures/ anew (the report's takes Chromium)
	@$(VENV)/bin/python scripts/screenshots.py

.PHONY: check-ordering
check-ordering: ## The engine's memory ordering: one writer, many readers, in every order that a processor may show them (loom)
	@RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$(CURDIR)/build/loom CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=0 \
		cargo test --locked --quiet -p lsprof-engine --test ordering

.PHONY: bench
bench: build $(VENV)/.tests $(VENV)/.peers ## What profilers cost, on PYTHON's release (5 minutes; BENCH_ARGS=--quick: 2)
	@$(VENV)/bin/python -m benchmarks.overhead $(BENCH_ARGS)

.PHONY: bench-%
bench-%: .venv-%/.installed .venv-%/.tests .venv-%/.peers
	@.venv-$*/bin/python -m benchmarks.overhead $(BENCH_ARGS)

.PHONY: storm
storm: build $(VENV)/.tests ## Faults thrown at profiled programs for MINUTES (2), and what was lost that should not be
	@$(VENV)/bin/python scripts/storm.py --minutes $(or $(MINUTES),2) $(STORM_ARGS)

.PHONY: storm-toolkit
storm-toolkit: build ## The standard library's tests under the toolkit's monitors for MINUTES (2): no crash, no record lost
	@$(VENV)/bin/python scripts/storm_toolkit.py --minutes $(or $(MINUTES),2) $(STORM_ARGS)

.PHONY: bench-matrix
bench-matrix: interpreters ## The same on 3.11 to 3.15, one after the other
	@BENCH_ARGS="$(BENCH_ARGS)" REQUIRED="$(REQUIRED)" scripts/matrix.sh --bench $(RELEASES)

.PHONY: bench-readme
bench-readme: build ## Put the newest results of each release into README.md
	@$(VENV)/bin/python -m benchmarks.overhead.summary --write

.PHONY: bench-truth
bench-truth: build $(VENV)/.tests ## How true profiles are: programs of known times (BENCH_ARGS="--quick --check")
	@$(VENV)/bin/python -m benchmarks.truth $(BENCH_ARGS)

.PHONY: bench-threads
bench-threads: build ## What threads wait for the GIL, told apart from work: their own times against what the system gave them
	@$(VENV)/bin/python -m benchmarks.truth.threads $(BENCH_ARGS)

.PHONY: bench-samples
bench-samples: build ## How true samples are: programs of known times, loops of C code too (BENCH_ARGS="--quick --check")
	@$(VENV)/bin/python -m benchmarks.truth.samples $(BENCH_ARGS)

.PHONY: bench-memory
bench-memory: build ## Start of a run, memory and growth with 100,000 functions and more, against cProfile's
	@$(VENV)/bin/python -m benchmarks.memory $(BENCH_ARGS)

.PHONY: bench-instructions
bench-instructions: build ## Instructions for each call (valgrind), against the expected ones; BENCH_ARGS=--accept
	@cargo build --locked --quiet --release -p lsprof-engine --example instructions
	$(VENV)/bin/python -m benchmarks.overhead.instructions $(BENCH_ARGS) --binary $${CARGO_TARGET_DIR:-target}/release/examples/instructions \
		$(foreach release,$(sort $(HERE) 3.11 3.13),$(if $(wildcard .venv-$(release)/.installed),--python .venv-$(release)/bin/python))

.PHONY: bench-views
bench-views: build ## How fast the terminal views answer, over profiles of 10,000 and 50,000 functions
	@mkdir -p build/bench
	for size in "10000 60000" "50000 300000"; do
		read -r functions edges <<<"$$size"
		file=build/bench/large-$$functions.pstats
		test -f $$file || .venv/bin/python -m benchmarks.shared.make_large_pstats $$file \
			--functions $$functions --edges $$edges --seed 1
		echo "$$functions functions, $$edges edges"
		.venv/bin/python -m benchmarks.views.view --pikos .venv/bin/pikos $$file
	done

.PHONY: bench-formats
bench-formats: build $(VENV)/.tests ## Loading, merging, converting 50,000 functions and 300,000 edges, against today's tools
	@mkdir -p build/bench
	for seed in 1 2; do
		file=build/bench/large-seed-$$seed.pstats
		test -f $$file || .venv/bin/python -m benchmarks.shared.make_large_pstats $$file \
			--functions 50000 --edges 300000 --seed $$seed
	done
	.venv/bin/python -m benchmarks.formats --pikos .venv/bin/pikos $(BENCH_ARGS) build/bench/large-seed-{1,2}.pstats

.PHONY: bench-clusters
bench-clusters: build $(VENV)/.tests ## A thousand processes and `pikos collect`, and 10,000 tasks of Dask (pip install 'pikos[dask]' first)
	@.venv/bin/python -m benchmarks.clusters collect $(BENCH_ARGS)
	.venv/bin/python -m benchmarks.clusters dask

.PHONY: bench-live
bench-live: build $(VENV)/.tests ## What being live costs: with a subscriber, 50,000 functions, 1,000 hostile peers
	@.venv/bin/python -m benchmarks.live $(BENCH_ARGS)

.PHONY: bench-labels
bench-labels: build ## What telling labels apart costs, and being beside a context that is followed
	@.venv/bin/python -m benchmarks.labels $(BENCH_ARGS)

.PHONY: bench-top
bench-top: build ## How fast `pikos top` answers over 20 processes of 10,000 functions each, and what it takes
	@.venv/bin/python -m benchmarks.views.top --pikos .venv/bin/pikos $(BENCH_ARGS)

.PHONY: bench-sampling
bench-sampling: build $(VENV)/.tests $(VENV)/.peers ## What sampling costs in process, at 100 and 1,000 Hz, beside pyinstrument (BENCH_ARGS="--quick --check")
	@$(VENV)/bin/python -m benchmarks.sampling $(BENCH_ARGS)

.PHONY: bench-outside
bench-outside: build $(VENV)/.tests $(VENV)/.peers ## What sampling from outside keeps and takes, beside py-spy (BENCH_ARGS="--kinds call --check")
	@$(VENV)/bin/python -m benchmarks.sampling.outside $(BENCH_ARGS)

.PHONY: bench-plugins
bench-plugins: build $(VENV)/.tests ## What the web middlewares add to a "hello world" under load (BENCH_ARGS="--rounds 10 --check")
	@$(VENV)/bin/python -m benchmarks.plugins $(BENCH_ARGS)

.PHONY: bench-tasks
bench-tasks: build $(VENV)/.tests $(VENV)/.peers ## What it costs to follow coroutines and tasks, beside yappi (BENCH_ARGS="--rounds 3 --check")
	@$(VENV)/bin/python -m benchmarks.tasks $(BENCH_ARGS)

.PHONY: bench-objects
bench-objects: build $(VENV)/.tests $(VENV)/.peers ## A census of 5 million objects, beside pympler and objgraph (BENCH_ARGS="--quick --check")
	@$(VENV)/bin/python -m benchmarks.objects.census $(BENCH_ARGS)

.PHONY: bench-object-events
bench-object-events: build $(VENV)/.tests $(VENV)/.peers ## What counting objects costs, by type, by line and of one class, beside tracemalloc and memray
	@$(VENV)/bin/python -m benchmarks.objects.events $(BENCH_ARGS)

.PHONY: bench-toolkit
bench-toolkit: build $(VENV)/.tests $(VENV)/.peers ## What monitors cost, against plain Python, psutil and line_profiler
	@$(VENV)/bin/python -m benchmarks.toolkit $(BENCH_ARGS)

.PHONY: fmt
fmt: build ## Format the Rust and the Python sources
	cargo fmt --all
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

.PHONY: clean
clean: ## Remove what was built; the venvs, too (not the interpreters)
	rm -rf build dist target .venv .venv-*

# ---- venvs: .venv-3.12 for each release, .venv is a link to that of PYTHON ----

# Building for any release takes only one maturin, that of PYTHON's venv.
$(VENV)/.tools: requirements-dev.txt | $(VENV)/.created
	@echo "+ pip install -r requirements-dev.txt  ($(VENV))"
	$(VENV)/bin/python $(PIP_INSTALL) -r requirements-dev.txt
	touch $@

$(VENV)/.dist: requirements-dist.txt $(VENV)/.tools
	@echo "+ pip install -r requirements-dist.txt  ($(VENV))"
	$(VENV)/bin/python $(PIP_INSTALL) -r requirements-dist.txt
	touch $@

$(VENV)/.docs: docs/requirements.txt | $(VENV)/.created
	@echo "+ pip install -r docs/requirements.txt  ($(VENV))"
	$(VENV)/bin/python $(PIP_INSTALL) -r docs/requirements.txt
	touch $@

.PRECIOUS: .venv-%/.created .venv-%/.installed .venv-%/.tests .venv-%/.peers

.venv-debug/.created:
	@python=$(if $(filter $(HERE),$(DEBUG_ON)),$(PYTHON),$$(scripts/find-python.sh $(DEBUG_ON))) ||
		{ echo "CPython $(DEBUG_ON) is not here" >&2; exit 1; }
	"$$python" -m venv --clear .venv-debug
	touch $@

.venv-%/.created:
	@python=$(if $(filter $(HERE),$*),$(PYTHON),$$(scripts/find-python.sh $*)) ||
		{ echo "CPython $* is not here (make interpreters brings 3.14 and 3.15)" >&2; exit 1; }
	"$$python" -m venv --clear .venv-$*
	touch $@

.venv-%/.tests: $(TEST_REQUIREMENTS) $(FETCH_SDISTS) | .venv-%/.created
	@echo "+ pip install -r tests/requirements.txt  (.venv-$*)"
	.venv-$*/bin/python $(PIP_INSTALL) $(TEST_REQUIREMENTS:%=-r %)
	$(FETCH_SDISTS:%=.venv-$*/bin/python %)
	touch $@

# Another project's profiler may have no wheel for a release and not build there: the tables do without it, and say so.
.venv-%/.peers: benchmarks/requirements.txt | .venv-%/.created
	@grep -v '^#' benchmarks/requirements.txt | while read -r requirement; do
		echo "+ pip install $$requirement  (.venv-$*)"
		timeout 240 .venv-$*/bin/python $(PIP_INSTALL) "$$requirement" &>>.venv-$*/peers.log ||
			echo "NOT INSTALLED: $$requirement: no wheel for $*, and it doesn't build (.venv-$*/peers.log)" >&2
	done
	touch $@

# ---- the package: one wheel for each release, in build/wheels/ ----

# The engine's assertions are on in the releases of ASSERTED; that builds faster, too. They share the command of PYTHON's release, where
# that is up to date: it is the same for all.
asserted = $(filter $(1),debug 3.15-dbg $(ASSERTED))
profile = $(if $(call asserted,$(1)),--profile assertions,--release)
command = $(if $(call asserted,$(1)),$(wildcard $(VENV)/lib/python*/site-packages/pikos/_cli.abi3.so))
.venv-%/.installed: $(SOURCES) $(VENV)/.tools | .venv-%/.created
	@rm -rf build/wheels/$*
	echo "+ maturin build $(call profile,$*)  (.venv-$*)"
	if [[ "$(call command,$*)" ]] && $(MAKE) --question $(VENV)/.installed; then
		export PIKOS_COMMAND_LIBRARY=$(abspath $(call command,$*))
	fi
	$(VENV)/bin/maturin build $(call profile,$*) --locked -i .venv-$*/bin/python -o build/wheels/$*
	.venv-$*/bin/python $(PIP_INSTALL) --no-deps --force-reinstall build/wheels/$*/*.whl
	touch $@
