"""The flame graph of `pikos serve` beside other tools' pages, all of the same 200,000 stacks, in Chromium.

    npm install --prefix /tmp/beside speedscope@1.25.0 popper.js@1.16.1 jquery@3.6.0 bootstrap@4.6.0 lodash@4.17.21 plotly.js@2.11.1 \\
        d3@7.9.0 d3-scale-chromatic@3.1.0 d3-flame-graph@4.1.3
    python -m benchmarks.views.beside --pikos .venv/bin/pikos --npm /tmp/beside/node_modules --memray .venv-memray/bin/python \\
        --sampling python3.15

npm has speedscope as it is published, and what memray's page fetches from a CDN; memray is an interpreter that has it, sampling CPython 3.15. What isn't
named is left out. Each page is made by the tool's own code from the stacks, and opened three times; figures are the middle of that: the CPU time of
the page's main thread until nothing more is drawn, and of one step of zoom (for those that glide, of all of the gliding). CPU
time, since that is the same on a machine that does other things as well. `boxes` are those that the page holds: tools leave out small ones.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

STACKS = 200_000
FUNCTIONS = 2_000

#: What memray's own reporter makes of records that have a stack and a size.
MEMRAY = """
import json, sys
from datetime import datetime
from memray import Metadata, FileFormat
from memray.reporters.flamegraph import FlameGraphReporter

class Record:
    tid, n_allocations, allocator, address, interval = 1, 1, 2, 0, None
    thread_name = "MainThread"
    def __init__(self, stack, size):
        self.stack, self.size = stack, size
    def stack_trace(self, max_stacks=None):
        return self.stack
    hybrid_stack_trace = stack_trace
    def native_stack_trace(self, max_stacks=None):
        return []

rows = json.load(open(sys.argv[1]))
records = [Record([(name, "app/%s.py" % name, 1) for name in reversed(stack)], weight) for stack, weight in rows]
reporter = FlameGraphReporter.from_snapshot(iter(records), memory_records=[], native_traces=False)
now = datetime.now()
known = dict(start_time=now, end_time=now, total_allocations=len(records), total_frames=1, peak_memory=1, command_line="app.py", pid=1,
             main_thread_id=1, python_allocator="pymalloc", has_native_traces=False, trace_python_allocators=False, file_format=FileFormat.ALL_ALLOCATIONS)
import dataclasses
names = {field.name for field in dataclasses.fields(Metadata)} if dataclasses.is_dataclass(Metadata) else set(Metadata.__init__.__annotations__)
metadata = Metadata(**{name: value for name, value in known.items() if name in names})
with open(sys.argv[2], "w") as out:
    reporter.render(outfile=out, metadata=metadata, show_memory_leaks=False, merge_threads=True, inverted=False)
"""

#: What CPython's sampler makes of samples: as it ships, without boxes below a thousandth.
SAMPLING = """
import json, sys
from profiling.sampling.stack_collector import FlamegraphCollector

collector = FlamegraphCollector(1000)
for stack, weight in json.load(open(sys.argv[1])):
    collector.process_frames([("app/%s.py" % name, (1, 1, 0, 0), name, None) for name in reversed(stack)], 1, weight)
collector.set_stats(1000, 1.0, 1000)
collector.export(sys.argv[2])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pikos", help="the pikos command")
    parser.add_argument("--npm", metavar="FOLDER", help="node_modules with speedscope and what memray's page fetches")
    parser.add_argument("--memray", metavar="PYTHON", help="a Python that has memray")
    parser.add_argument("--sampling", metavar="PYTHON", help="CPython 3.15 or later")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = stacks()
        (folder / "stacks.json").write_text(json.dumps(rows))
        folded = folder / "stacks.folded"
        folded.write_text("".join(f"{';'.join(stack)} {weight}\n" for stack, weight in rows))
        pages: dict[str, str] = {}
        for tool, python, script in (("memray", options.memray, MEMRAY), ("sampling", options.sampling, SAMPLING)):
            if python is not None:
                pages[tool] = str(folder / f"{tool}.html")
                run = [python, "-c", script, str(folder / "stacks.json"), pages[tool]]
                subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        if options.npm is not None:
            pages["speedscope"] = str(Path(options.npm, "speedscope", "dist", "release"))
        server = None
        if options.pikos is not None:
            server = subprocess.Popen(
                [options.pikos, "serve", str(folded), "--port", "0"], stdout=subprocess.PIPE, text=True
            )
            assert server.stdout is not None
            pages["pikos"] = server.stdout.readline().strip()
        try:
            bench = Path(__file__).parents[2] / "page" / "bench" / "beside.mjs"
            subprocess.run(["node", str(bench), str(folded), json.dumps(pages), options.npm or ""], check=True)
        finally:
            if server is not None:
                server.terminate()
                server.wait()


def stacks() -> list[tuple[list[str], int]]:
    """A tree of so many stacks, each with a weight: some ways are walked often, and branch often."""
    chance = random.Random(7)
    parents, names, depths = [-1], ["main"], [0]
    below: set[tuple[int, str]] = set()
    while len(names) < STACKS:
        parent = int(chance.random() ** 3 * len(names))
        name = f"f{int(chance.random() ** 2 * FUNCTIONS)}"
        if depths[parent] < 40 and (parent, name) not in below:
            below.add((parent, name))
            parents.append(parent)
            names.append(name)
            depths.append(depths[parent] + 1)
    rows = []
    for node in range(len(names)):
        stack, at = [], node
        while at >= 0:
            stack.append(names[at])
            at = parents[at]
        rows.append((stack[::-1], 1 + int(1000 * chance.random() ** 6)))
    return rows


if __name__ == "__main__":
    sys.exit(main())
