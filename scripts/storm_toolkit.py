"""Runs the standard library's own tests under the toolkit's monitors, with recorders and filters in Python.

    python scripts/storm_toolkit.py --minutes 20 --seed 7

Each round takes one of CPython's test programs, a monitor and a way to have Python called, and runs the tests twice: plain, and
monitored. What is promised is checked: nothing ends the interpreter, nothing panics, no record is lost or has another's number, and the tests end
as they do without us. Rounds differ by their seed; a fault prints the command that runs that round again. Exit code 1 if there was one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from typing import Any

#: Of many kinds: pure Python and C, classes, generators, tasks, threads, weak references, code made at run time. Not those that set
#: trace functions themselves, count references or look at the clock.
TESTS = (
    *(
        "argparse",
        "array",
        "ast",
        "asyncio.test_futures",
        "asyncio.test_locks",
        "asyncio.test_queues",
        "asyncio.test_taskgroups",
    ),
    *(
        "asyncgen",
        "augassign",
        "base64",
        "binascii",
        "bisect",
        "bool",
        "bytes",
        "bz2",
        "cmath",
        "codeccallbacks",
        "codecs",
    ),
    *(
        "collections",
        "compile",
        "complex",
        "configparser",
        "context",
        "contextlib",
        "contextlib_async",
        "copy",
        "coroutines",
        "csv",
    ),
    *(
        "dataclasses",
        "datetime",
        "decimal",
        "decorators",
        "deque",
        "descr",
        "dict",
        "difflib",
        "dis",
        "dynamic",
        "email",
        "enum",
    ),
    *(
        "enumerate",
        "exception_group",
        "exceptions",
        "extcall",
        "float",
        "format",
        "fractions",
        "fstring",
        "functools",
        "generators",
    ),
    *(
        "genericalias",
        "genexps",
        "getopt",
        "glob",
        "graphlib",
        "gzip",
        "hashlib",
        "heapq",
        "hmac",
        "html",
        "htmlparser",
        "inspect",
    ),
    *(
        "int",
        "io",
        "ipaddress",
        "isinstance",
        "iter",
        "itertools",
        "json",
        "keywordonlyarg",
        "listcomps",
        "list",
        "locale",
        "lzma",
    ),
    *(
        "mailbox",
        "marshal",
        "math",
        "memoryview",
        "metaclass",
        "minidom",
        "named_expressions",
        "opcodes",
        "operator",
        "ordered_dict",
    ),
    *(
        "patma",
        "pathlib",
        "pickle",
        "plistlib",
        "pprint",
        "property",
        "queue",
        "quopri",
        "random",
        "re",
        "reprlib",
        "richcmp",
        "sax",
    ),
    *(
        "scope",
        "secrets",
        "set",
        "shelve",
        "shlex",
        "slice",
        "sort",
        "sqlite3",
        "statistics",
        "string",
        "struct",
        "subclassinit",
    ),
    *(
        "super",
        "syntax",
        "tarfile",
        "tempfile",
        "textwrap",
        "threadedtempfile",
        "thread_local_bytecode",
        "tokenize",
        "traceback",
    ),
    *(
        "tuple",
        "type_params",
        "types",
        "typing",
        "unicodedata",
        "unpack",
        "urlparse",
        "uuid",
        "weakref",
        "weakset",
        "with",
    ),
    *("xml_etree", "xmlrpc", "yield_from", "zipfile", "zipimport", "zlib"),
)

KINDS = ("function", "line", "function_memory", "line_memory")
#: How Python comes to be called.
WAYS = ("recorder", "filter", "record type", "gather_info", "event method", "focus", "list", "threads")

#: Seconds; a machine may do much else. What takes longer is left out, not a fault.
PATIENCE = 600

CHILD = r"""
import json, os, sys, unittest
name, kind, way, answer = sys.argv[1:5]
sys.argv = ["test"]
suite = unittest.defaultTestLoader.loadTestsFromName(name)
result = unittest.TestResult()
told = {}

if kind == "plain":
    suite.run(result)
else:
    from pikos.api import monitor_class
    from pikos.recorders.abstract_recorder import AbstractRecorder
    from pikos.recorders.api import ListRecorder

    class Counting:
        # Numbers from 0 on, each once; in one thread in their order.
        count = highest = 0
        total = 0
        is_ordered = True
        def take(self, record):
            index = record.index
            self.is_ordered = self.is_ordered and index == self.count
            self.total += index
            self.highest = max(self.highest, index)
            self.count += 1
            return True

    counting = Counting()

    class Own(AbstractRecorder):
        def prepare(self, record): pass
        def finalize(self): pass
        def record(self, data): counting.take(data)

    def dropped(record):
        counting.take(record)
        return False

    base = monitor_class(kind, focused=way == "focus")
    more, recorder = {}, Own()
    if way == "filter":
        recorder = ListRecorder(dropped)
    elif way == "record type":
        class Record(base._own_record_type):
            def __new__(cls, *values): return super().__new__(cls, *values)
        more["record_type"] = Record
    elif way == "gather_info":
        class base(base):
            def gather_info(self, *arguments): return super().gather_info(*arguments)
    elif way == "event method":
        class base(base):
            pass
        method = "on_function_event" if kind.startswith("function") else "on_line_event"
        def on_event(self, *arguments): return getattr(super(base, self), method)(*arguments)
        setattr(base, method, on_event)
    elif way == "focus":
        more["functions"] = [unittest.TestCase.run, unittest.TestCase._callTestMethod]
    elif way == "list":
        recorder = ListRecorder()
    elif way == "threads":
        more["threads"] = True
    monitor = base(recorder, **more)
    with monitor:
        suite.run(result)
    if way == "list":
        for record in recorder.records: counting.take(record)
    told = {"records": counting.count, "index": monitor._index, "total": counting.total, "ordered": counting.is_ordered}

bad = sorted(str(case) for case, _ in (*result.failures, *result.errors))
with open(answer, "w") as stream:
    json.dump({"ran": result.testsRun, "bad": bad, **told}, stream)
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
"""


class Fault(Exception):
    """What was promised, and isn't so."""


def names_of(test: str) -> str:
    return f"test.{test.replace('asyncio.', 'test_asyncio.')}" if test.startswith("asyncio.") else f"test.test_{test}"


def run(test: str, kind: str, way: str) -> Any:
    """What a run came to; None where these tests can't be run here, or take too long."""
    with tempfile.TemporaryDirectory() as folder:
        answer = os.path.join(folder, "answer.json")
        command = [sys.executable, "-c", CHILD, names_of(test), kind, way, answer]
        environment = {**os.environ, "TMPDIR": folder, "PYTHONWARNINGS": "ignore"}
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            return None
        if "panicked" in done.stderr or "internal error" in done.stderr:
            raise Fault(done.stderr[-2000:])
        if done.returncode < 0:
            if kind == "plain":
                return None
            raise Fault(f"it ended by signal {-done.returncode}\n{done.stderr[-2000:]}")
        try:
            with open(answer) as stream:
                found = json.load(stream)
        except FileNotFoundError:
            if kind == "plain":
                return None
            raise Fault(f"it ended with {done.returncode}\n{done.stderr[-2000:]}") from None
        found["told"] = [line for line in done.stderr.splitlines() if line.startswith("pikos")]
        return found


def check(test: str, kind: str, way: str) -> int:
    """One round. Returns how many records there were. Raises Fault."""
    plain = run(test, "plain", "")
    if plain is None or plain["ran"] == 0:
        return 0
    found = run(test, kind, way)
    if found is None:
        return 0
    if found["told"]:
        # A program that sets its own function takes the place of ours, as the documentation says.
        if not any("sys.set" in line for line in found["told"]):
            raise Fault("\n".join(found["told"]))
        return int(found["records"])
    count = found["records"]
    if count != found["index"]:
        raise Fault(f"{count} records of {found['index']} events")
    if found["total"] != count * (count - 1) // 2 or not (found["ordered"] or way == "threads"):
        raise Fault(f"{count} records don't have the numbers from 0 on, each once")
    if found["ran"] != plain["ran"]:
        raise Fault(f"{found['ran']} tests ran, not {plain['ran']}")
    if worse := set(found["bad"]) - set(plain["bad"]):
        print(f"  differs: {test}, {kind}, {way}: {', '.join(sorted(worse)[:5])}", flush=True)
    return int(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long to go on (default: 2)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the first round's seed (default: the time)")
    parser.add_argument("--round", action="store_true", help="only the round of this seed")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    seed, rounds, records, faults = options.seed, 0, 0, 0
    while options.round or time.monotonic() < end:
        dice = random.Random(seed)
        test, kind, way = dice.choice(TESTS), dice.choice(KINDS), dice.choice(WAYS)
        try:
            records += check(test, kind, way)
        except Fault as fault:
            faults += 1
            print(f"{test}, {kind}, {way}: {fault}")
            print(f"again: {sys.executable} scripts/storm_toolkit.py --seed {seed} --round", flush=True)
        rounds, seed = rounds + 1, seed + 1
        if options.round:
            break
    print(f"{rounds} rounds, {records:,} records, {faults} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
