"""Starting a program with its profile armed, for every command that does so: this process becomes the program's."""

from pikos._launcher.handover import become
from pikos._launcher.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos._launcher.command_line import Values


def program_of(values: "Values", rest: list[str]) -> list[str]:
    """The program as an interpreter is told it."""
    if values.code is not None:
        return ["-c", values.code, *rest]
    if values.module:
        return ["-m", *rest]
    if rest[0] != "-" and rest[0].startswith("-"):
        return ["--", *rest]
    return rest


def launch(program: list[str], request: Request) -> None:
    """Run it. Ends as the program ends: with its exception, its exit status, or its signal."""
    reason = become(program, {"run": "profile", **request.encoded()})
    run_here(program, request, reason)


def run_here(program: list[str], request: Request, reason: str) -> None:
    """Run it within this process."""
    from pikos._launcher.program import run
    from pikos._launcher.start import at_main, profiled

    session = profiled(request)
    if request.options.follow:
        from pikos._processes.family import lead

        lead(session, request.options)
    run(program, lambda: at_main(session, request), reason)
