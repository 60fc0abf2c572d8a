"""--follow: the Python processes that a profiled one makes are profiled, each as itself; nobody else notices."""

from __future__ import annotations

import marshal
import os
import pstats
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pikos
import pytest
import zmq
from running import SUBJECT, UNCOVERED, Run
from watching import PATIENCE, Message, sockets, started, until

pytestmark = [pytest.mark.slow_in_debug, pytest.mark.beyond_cprofile]

#: Of each kind but os.fork, of which there are always 200.
CHILDREN = int(os.environ.get("PIKOS_TEST_CHILDREN", "20"))

#: Seconds for all of them: a thousand interpreters that start at once take their time.
FOR_ALL = PATIENCE + 3 * CHILDREN

ALL_KINDS = """\
import multiprocessing, os, subprocess, sys

def leaf():
    pass

def child(gate):
    leaf()
    os.read(os.open(gate, os.O_RDONLY), 1)

def main(gate, count):
    forked = []
    for _ in range(200):
        pid = os.fork()
        if not pid:
            child(gate)
            os._exit(7)
        forked.append(pid)
    started = []
    for method in ("fork", "forkserver", "spawn"):
        context = multiprocessing.get_context(method)
        for _ in range(count):
            process = context.Process(target=child, args=(gate,))
            process.start()
            started.append(process)
    command = [sys.executable, __file__, "child", gate]
    run = [subprocess.Popen(command) for _ in range(count)]
    print(sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in forked))
    for process in started:
        process.join()
        print(process.exitcode, end=" ")
    print(*[process.wait() for process in run])
    sys.exit(5)

if __name__ == "__main__":
    if sys.argv[1] == "child":
        child(sys.argv[2])
        sys.exit(3)
    main(sys.argv[1], int(sys.argv[2]))
"""


class Audience:
    """Binds an endpoint, and keeps what each process that connects has told."""

    def __init__(self, folder: Path) -> None:
        self.address = f"ipc://{folder}/audience"
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.bind(self.address)
        self.socket.subscribe(b"")
        #: By stream.
        self.facts: dict[str, dict[str, Any]] = {}
        self.functions: dict[str, set[str]] = {}
        self.ends: dict[str, str] = {}

    def receive(self, timeout: float = PATIENCE) -> bool:
        if not self.socket.poll(int(timeout * 1000)):
            return False
        message: Message = msgpack.unpackb(self.socket.recv())
        stream = message["id"]
        if message["kind"] == "full":
            self.facts[stream] = message["facts"]
        self.functions.setdefault(stream, set()).update(name[3] for name in message["functions"])
        if message.get("end"):
            self.ends[stream] = message["end"]["how"]
        return True

    def until(self, condition: Any, what: str) -> None:
        while not condition():
            assert self.receive(), f"waited in vain: {what}"

    def that_know(self, function: str) -> set[str]:
        return {stream for stream, known in self.functions.items() if function in known}


@pytest.fixture
def audience(tmp_path: Path) -> Iterator[Audience]:
    audience = Audience(tmp_path)
    yield audience
    audience.socket.close()


def finished(folder: Path, arguments: list[Any], **environment: str) -> Run:
    with started(folder, arguments, **environment) as process:
        out, err = process.communicate(timeout=FOR_ALL)
        return Run(process.returncode, out, err.replace(UNCOVERED, ""))


def followed(folder: Path, code: str, *options: Any, **environment: str) -> tuple[Run, Run]:
    """A program without us, and with us."""
    script = folder / "program.py"
    script.write_text(code)
    plain = finished(folder, [script], **environment)
    return plain, finished(folder, ["-m", SUBJECT, "--follow", *options, script], **environment)


def files(folder: Path) -> dict[int, set[str]]:
    """The functions in each child's file, by the child's number."""
    found = {}
    for path in folder.glob("out-*.pstats"):
        stats = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
        found[int(path.stem.removeprefix("out-"))] = {label[2] for label in stats}
    return found


def calls(path: Path, function: str) -> int:
    # pstats refuses the profile of a child that was ended before it had called anything.
    stats = marshal.loads(path.read_bytes())
    return sum(row[1] for label, row in stats.items() if label[2] == function)


@pytest.mark.timeout(3 * FOR_ALL)
def test_hundreds_of_children_of_all_kinds(tmp_path: Path, audience: Audience) -> None:
    script, gate = tmp_path / "kinds.py", tmp_path / "gate"
    script.write_text(ALL_KINDS)
    os.mkfifo(gate)
    opener = os.open(gate, os.O_RDWR)
    count = 200 + 4 * CHILDREN
    os.write(opener, b"." * count)
    plain = finished(tmp_path, [script, gate, CHILDREN])
    assert plain.code == 5

    live = ["--live", audience.address, "--connect", "--interval", "1"]
    arguments = ["-m", SUBJECT, *live, "--follow", "-o", tmp_path / "out.pstats", script, gate, CHILDREN]
    with started(tmp_path, arguments) as process:
        audience.until(lambda: len(audience.that_know("leaf")) == count, f"{count} children")
        children = audience.that_know("leaf")
        # Its own stream, and nobody else's: neither the fork server nor the resource tracker does anything by itself.
        others = [audience.facts[stream] for stream in audience.facts.keys() - children]
        assert [facts["pid"] for facts in others] == [process.pid], others
        assert {audience.facts[stream]["parent"] for stream in children} == {process.pid}
        pids = {audience.facts[stream]["pid"] for stream in children}
        assert len(pids) == count
        os.write(opener, b"." * count)
        out, err = process.communicate(timeout=FOR_ALL)
        assert (process.returncode, out, err) == (5, plain.out, plain.err)
        assert list(sockets(tmp_path).iterdir()) == []
    os.close(opener)
    written = files(tmp_path)
    assert written.keys() == pids
    assert all("leaf" in functions for functions in written.values())
    assert "leaf" not in {label[2] for label in pstats.Stats(str(tmp_path / "out.pstats")).stats}  # type: ignore[attr-defined]


GENERATIONS = """\
import os, subprocess, sys

def generation_0():
    subprocess.run([sys.executable, __file__, "1"], check=True)

def generation_1():
    pid = os.fork()
    if not pid:
        generation_2()
        os._exit(0)
    os.waitpid(pid, 0)

def generation_2():
    subprocess.run(f"{sys.executable} {__file__} 3", shell=True, check=True)

def generation_3():
    print("here")

globals()["generation_" + (sys.argv + ["0"])[1]]()
"""


def test_generations(tmp_path: Path) -> None:
    plain, run = followed(tmp_path, GENERATIONS, "-o", "out.pstats")
    assert run == plain and plain.out == "here\n"
    generations = sorted(
        name for functions in files(tmp_path).values() for name in functions if name.startswith("generation_")
    )
    assert generations == ["generation_1", "generation_2", "generation_3"]


def test_parents(tmp_path: Path, audience: Audience) -> None:
    code = GENERATIONS.replace('print("here")', 'print("here", flush=True), input()')
    script = tmp_path / "program.py"
    script.write_text(code)
    live = ["--live", audience.address, "--connect", "--interval", "0.1"]
    with started(tmp_path, ["-m", SUBJECT, *live, "--follow", script]) as process:
        names = [f"generation_{number}" for number in range(4)]
        audience.until(lambda: all(audience.that_know(name) for name in names), "four generations")
        chain = [audience.facts[stream] for name in names for stream in audience.that_know(name)]
        assert len(chain) == 4
        assert [facts["parent"] for facts in chain] == [None, *[facts["pid"] for facts in chain[:-1]]]
        process.communicate("\n", timeout=PATIENCE)
        assert process.returncode == 0


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_pools(tmp_path: Path, method: str) -> None:
    code = (
        "import multiprocessing\n"
        "def square(n):\n"
        "    return n * n\n"
        "if __name__ == '__main__':\n"
        f"    with multiprocessing.get_context({method!r}).Pool(4) as pool:\n"
        "        print(sum(pool.map(square, range(100), 1)))\n"
        f"    pool = multiprocessing.get_context({method!r}).Pool(2)\n"
        "    print(pool.map(square, [3]))\n"
        "    pool.close()\n"
        "    pool.join()\n"
    )
    plain, run = followed(tmp_path, code, "--live", "-o", "out.pstats")
    assert run == plain and plain.out == "328350\n[9]\n"
    # Also of those that were ended by SIGTERM, as Pool does.
    assert sum(calls(path, "square") for path in tmp_path.glob("out-*.pstats")) == 101
    assert list(sockets(tmp_path).iterdir()) == []


def test_a_fork_in_a_thread(tmp_path: Path) -> None:
    code = (
        "import os, threading, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "def leaf(): pass\n"
        "def work():\n"
        "    pid = os.fork()\n"
        "    leaf()\n"
        "    if not pid: os._exit(4)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    plain, run = followed(tmp_path, code, "--live", "--threads", "-o", "out.pstats")
    assert run == plain and plain.out == "4\n"
    (path,) = tmp_path.glob("out-*.pstats")
    assert calls(path, "leaf") == calls(tmp_path / "out.pstats", "leaf") == 1


def test_children_that_end_in_other_ways(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "def leaf(): pass\n"
        "endings = [lambda: sys.exit(3), lambda: 1 / 0, lambda: os.kill(os.getpid(), signal.SIGTERM), lambda: None]\n"
        "for end in endings:\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        leaf()\n"
        "        end()\n"
        "        break\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)\n"
    )
    for options in ([], ["--live"]):
        plain, run = followed(tmp_path, code, *options, "-o", "out.pstats")
        assert run == plain and plain.out == "3\n1\n-15\n0\n" and "ZeroDivisionError" in plain.err
        paths = [*tmp_path.glob("out-*.pstats")]
        assert len(paths) == 4
        for path in paths:
            assert calls(path, "leaf") == 1
            path.unlink()
        assert not sockets(tmp_path).exists() or list(sockets(tmp_path).iterdir()) == []


def test_a_child_that_never_comes_back_from_c(tmp_path: Path) -> None:
    """SIGTERM must end it all the same: without us, it would."""
    code = (
        "import collections, os, signal\n"
        "reader, writer = os.pipe()\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    os.write(writer, b'.')\n"
        "    collections.deque(range(10**15), maxlen=0)\n"
        "os.read(reader, 1)\n"
        "os.kill(pid, signal.SIGTERM)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    plain, run = followed(tmp_path, code, "-o", "out.pstats")
    assert run == plain and plain.out == "-15\n"


def test_without_a_file_children_print_nothing(tmp_path: Path) -> None:
    plain, run = followed(tmp_path, GENERATIONS, "--live", "--interval", "0.05")
    assert (run.code, run.err) == (plain.code, plain.err)
    assert run.out.startswith("here\n") and run.out.count("function calls") == 1
    assert files(tmp_path) == {}


def test_options_reach_children(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys\n"
        "def leaf(): len('')\n"
        "leaf()\n"
        "if len(sys.argv) == 1: subprocess.run([sys.executable, __file__, 'child'], check=True)\n"
    )
    plain, run = followed(tmp_path, code, "--fast", "-o", "a;b %3B.pstats")
    assert run == plain and run.code == 0
    (path,) = tmp_path.glob("a;b %3B-*.pstats")
    labels = {label[2] for label in pstats.Stats(str(path)).stats}  # type: ignore[attr-defined]
    assert "leaf" in labels and not any("built-in" in label for label in labels)


def test_stacks_of_children(tmp_path: Path) -> None:
    plain, run = followed(tmp_path, GENERATIONS, "--tree", "-o", "out.speedscope.json")
    assert run == plain
    written = [path.read_text() for path in tmp_path.glob("out-*.speedscope.json")]
    assert len(written) == 3 and all(text.startswith("{") for text in written)


def test_follow_needs_somewhere_to_put_it(tmp_path: Path) -> None:
    run = finished(tmp_path, ["-m", SUBJECT, "--follow", "-c", "1"])
    assert run.code == 2 and "add --live, or -o OUT" in run.err


SELF = "import subprocess, sys; sys.stdout.flush(); subprocess.run([sys.executable, *ARGS, '-c', {child!r}])"


@pytest.mark.parametrize("flags", ["[]", "['-I']", "['-E']", "['-B', '-W', 'ignore']"])
def test_children_find_their_world_as_it_would_be(tmp_path: Path, flags: str) -> None:
    child = (
        "import sys; print(sys.path, sys.argv, 'sitecustomize' in sys.modules); "
        "print([place for place in sys.path_importer_cache if '_site' in place])"
    )
    code = SELF.format(child=child).replace("*ARGS", f"*{flags}")
    plain, run = followed(tmp_path, code, "-o", "out.pstats")
    assert run == plain and plain.err == "" and plain.out


def test_the_users_own_sitecustomize(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("print('customized', __file__)\n")
    code = SELF.format(child="import sitecustomize; print(sitecustomize.__file__)").replace("*ARGS, ", "")
    plain, run = followed(tmp_path, code, "-o", "out.pstats", PYTHONPATH=str(own))
    # It has run in the launcher's interpreter, too, before that became the program's.
    first, rest = run.out.split("\n", 1)
    assert (run.code, run.err) == (0, "") and rest == plain.out and first == plain.out.split("\n")[0]
    assert rest.count("customized") == 2
    assert len(files(tmp_path)) == 1

    (own / "sitecustomize.py").write_text("raise KeyError('theirs')\n")
    plain, run = followed(tmp_path, code, "-o", "out.pstats", PYTHONPATH=str(own))
    assert (run.code, run.out) == (plain.code, plain.out) and run.err.endswith(plain.err) and "theirs" in plain.err
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize(
    "value", ["cpython-27--;pid=1", "TAG;pid=x", "TAG", "TAG;pid=1;interval=soon", "TAG;nonsense", ""]
)
def test_other_pythons_and_other_words_are_left_alone(tmp_path: Path, value: str) -> None:
    from pikos._launcher.environment import FOLDER, VARIABLE, tag

    environment = {"PYTHONPATH": FOLDER, VARIABLE: value.replace("TAG", tag())}
    run = finished(tmp_path, ["-c", "import sys; print(*sys.argv, sys.getprofile())"], **environment)
    assert run == Run(0, "-c None\n", "")
    assert not sockets(tmp_path).exists()


def test_sitecustomize_is_code_for_any_python() -> None:
    import ast

    path = Path(pikos.__path__[0], "_begin", "_site", "sitecustomize.py")
    tree = ast.parse(path.read_text(), feature_version=(3, 4))
    # And of 2.7: nothing that it doesn't have.
    new = (ast.JoinedStr, ast.AnnAssign, ast.Nonlocal, ast.AsyncFunctionDef, ast.NamedExpr)
    assert not [node for node in ast.walk(tree) if isinstance(node, new)]


def test_children_that_profile_themselves(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text("print(1)\n")
    code = (
        "import subprocess, sys\n"
        "for profiler in ('cProfile', 'pikos.cprofile'):\n"
        "    sys.stdout.flush()\n"
        "    subprocess.run([sys.executable, '-m', profiler, '-o', profiler + '.pstats', 'child.py'], check=True)\n"
    )
    plain, run = followed(tmp_path, code, "-o", "out.pstats")
    assert run == plain and plain.out == "1\n1\n"
    assert files(tmp_path) == {}
    assert (tmp_path / "cProfile.pstats").exists() and (tmp_path / "pikos.cprofile.pstats").exists()


def test_a_subprocess_with_a_preexec_fn(tmp_path: Path, audience: Audience) -> None:
    code = (
        "import os, subprocess, sys, warnings\n"
        "def ready(): os.nice(0)\n"
        "def leaf(): input()\n"
        "if len(sys.argv) > 1:\n"
        "    leaf()\n"
        "else:\n"
        "    subprocess.run([sys.executable, __file__, 'child'], preexec_fn=ready, check=True)\n"
        "    subprocess.run(['true'], preexec_fn=ready, check=True)\n"
    )
    script = tmp_path / "program.py"
    script.write_text(code)
    live = ["--live", audience.address, "--connect", "--interval", "0.1"]
    with started(tmp_path, ["-m", SUBJECT, *live, "--follow", "-o", "out.pstats", script]) as process:
        audience.until(lambda: audience.that_know("leaf"), "the child")
        assert len(list(sockets(tmp_path).glob("*.pub"))) == 2
        out, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, "", "")
    assert len(audience.facts) == 2
    assert list(sockets(tmp_path).iterdir()) == []
    assert len(files(tmp_path)) == 1


def test_a_child_of_a_bound_endpoint_has_its_own_place(tmp_path: Path) -> None:
    """It can't be bound twice; nobody is to hear of that."""
    code = "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: os._exit(0)\n"
    plain, run = followed(tmp_path, code, f"--live=ipc://{tmp_path}/bound", "-o", "out.pstats")
    assert run == plain and run.err == ""


EXEC = """\
import os, sys

def before(): input()
def after(): input()

if len(sys.argv) > 1:
    after()
    print("after", sys.argv[1:])
else:
    before()
    print("before", flush=True)
    try:
        os.execvp("there is no such program", ["x"])
    except FileNotFoundError:
        print("none", flush=True)
    input()
    os.execl(sys.executable, sys.executable, __file__, "again")
"""


@pytest.mark.parametrize("follow", [True, False])
def test_exec(tmp_path: Path, audience: Audience, follow: bool) -> None:
    script = tmp_path / "exec.py"
    script.write_text(EXEC)
    live = ["--live", audience.address, "--connect", "--interval", "0.05", "-o", "out.pstats"]
    with started(tmp_path, ["-m", SUBJECT, *live, *(["--follow"] if follow else []), script]) as process:
        assert process.stdin is not None and process.stdout is not None

        def tell() -> None:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

        audience.until(lambda: audience.that_know("before"), "the first program")
        tell()
        assert [process.stdout.readline() for _ in range(2)] == ["before\n", "none\n"]
        time.sleep(0.1)
        # An exec that fails ends nothing.
        assert list(audience.ends.values()) == []
        tell()
        (first,) = audience.that_know("before")
        audience.until(lambda: audience.ends.get(first), "the end of the first program")
        assert audience.ends[first] == "exec"
        if follow:
            audience.until(lambda: audience.that_know("after"), "the second program")
            (second,) = audience.that_know("after")
            assert audience.facts[second]["pid"] == audience.facts[first]["pid"] == process.pid
            assert audience.facts[second]["parent"] is None
            assert len(list(sockets(tmp_path).glob("*.pub"))) == 1
        else:
            until(lambda: not list(sockets(tmp_path).glob("*.pub")), "the socket to go")
        out, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, "after ['again']\n", "")
    assert list(files(tmp_path)) == ([process.pid] if follow else [])
    assert calls(tmp_path / "out.pstats", "before") == 1


def test_an_exec_that_fails_after_all(tmp_path: Path, audience: Audience) -> None:
    broken = tmp_path / "broken"
    broken.write_text("no program")
    broken.chmod(0o700)
    code = (
        "import os\n"
        "def before(): pass\n"
        "def after(): input()\n"
        "before()\n"
        "for call in (lambda: os.execv('broken', ['x']), lambda: os.execve('broken', 7, {})):\n"
        "    try: call()\n"
        "    except (OSError, TypeError) as error: print(type(error).__name__, flush=True)\n"
        "after()\n"
    )
    script = tmp_path / "program.py"
    script.write_text(code)
    live = ["--live", audience.address, "--connect", "--interval", "0.05", "-o", "out.pstats"]
    with started(tmp_path, ["-m", SUBJECT, *live, script]) as process:
        audience.until(lambda: audience.that_know("after"), "the program to go on")
        out, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, "OSError\nTypeError\n", "")
    labels = {label[2] for label in pstats.Stats(str(tmp_path / "out.pstats")).stats}  # type: ignore[attr-defined]
    assert {"before", "after"} <= labels


def test_exec_of_a_profile_in_code(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pikos import live\n"
        "plain = os.execv, os.execve\n"
        "live.start()\n"
        "live.stop()\n"
        "assert (os.execv, os.execve) == plain\n"
        "live.start()\n"
        "os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])\n"
    )
    assert finished(tmp_path, ["-c", code]) == Run(0, "1\n", "")
    assert list(sockets(tmp_path).iterdir()) == []


def test_names_of_files() -> None:
    from pikos._launcher.environment import escape, parse
    from pikos._processes.family import with_pid

    assert with_pid("/tmp/out.pstats", 7) == "/tmp/out-7.pstats"
    assert with_pid("/tmp/x.speedscope.json", 7) == "/tmp/x-7.speedscope.json"
    assert with_pid("out", 7) == "out-7"
    assert with_pid("/a/.hidden", 7) == "/a/.hidden-7"
    for value in ("a;b", "%3B", "%25", "%", ";;", "a=b"):
        assert parse(f"TAG;x=1;out={escape(value)}") == {"x": "1", "out": value}
