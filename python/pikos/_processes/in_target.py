"""What ``pikos attach``, ``pikos detach`` and ``pikos objects`` have another process run: this file's text, and after it a call of ``run``.

It has a namespace of its own there, and may import nothing that the other process might not have.
"""


def run(folder: str, package: str, action: str, arguments: dict[str, object], pid: int, since: str | None) -> None:
    """Do it, if it is still wanted and this is process ``pid`` that was started at ``since``, and write the answer to a file in ``folder``: ``ok`` or ``error``, then lines of text."""
    import os

    try:
        # One of us and the one who waits gets this file: so a request that was given up is never carried out late.
        os.rename(f"{folder}/wanted", f"{folder}/taken")
    except OSError:
        clean_up(folder)
        return
    try:
        if not is_asked(pid, since):
            raise RuntimeError(f"process {pid} has ended, and another one has its number now: nothing was changed")
        module = this_process(package)
        if action == "count":
            answer = ["ok", *module.count(**arguments)]  # type: ignore[attr-defined]
        elif action == "start":
            answer = ["ok", *module.start(**arguments).endpoints]  # type: ignore[attr-defined]
        else:
            module.stop()  # type: ignore[attr-defined]
            answer = ["ok"]
    except Exception as error:
        answer = ["error", f"{type(error).__name__}: {error}"]
    try:
        with open(f"{folder}/unfinished", "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write("\n".join(answer))
        os.rename(f"{folder}/unfinished", f"{folder}/answer")
    except OSError:
        # Nobody can be told.
        pass


def is_asked(pid: int, since: str | None) -> bool:
    """Whether this is the process that was asked: numbers are given anew."""
    import os

    try:
        # As the one who asks sees it: in a container of its own it may have another number.
        is_same = os.readlink("/proc/self") == str(pid)
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
            return is_same and since in (None, file.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return os.getpid() == pid


def this_process(package: str) -> object:
    """pikos._this_process: of the pikos that the process has loaded, else of the one in the folder ``package``. No search path
    is touched."""
    import importlib
    import importlib.util
    import sys

    before = set(sys.modules)
    if "pikos" not in before:
        spec = importlib.util.spec_from_file_location(
            "pikos", f"{package}/__init__.py", submodule_search_locations=[package]
        )
        assert spec is not None and spec.loader is not None
        sys.modules["pikos"] = pikos = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(pikos)
        except BaseException:
            del sys.modules["pikos"]
            raise
    try:
        return importlib.import_module("pikos._this_process")
    except BaseException:
        for name in [*sys.modules]:
            if name.split(".")[0] == "pikos" and name not in before:
                del sys.modules[name]
        raise


def clean_up(folder: str) -> None:
    """Remove what the one who waited has left: this script, which the process had been told to run."""
    import os

    try:
        os.unlink(f"{folder}/script.py")
        os.rmdir(folder)
    except OSError:
        pass
