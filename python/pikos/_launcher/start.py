"""The first that the program's own process does for a recording: everything is made ready while the interpreter starts, so that at the
program's first instruction there is nothing left to import."""

from pikos._launcher.recorder import recorder
from pikos._launcher.request import Request
from pikos._launcher.session import CountingSession, SamplingSession, Session
from pikos._lsprof import _at_main


def profiled(request: Request) -> Session:
    """A session that does what is asked, and saves it however the program ends. It waits for the program."""
    session = session_of(request)
    session.make_ready()
    session.guard()
    if request.shows_top:
        from pikos._launcher.pane import show_top

        show_top(session.profile)
    if request.shows_page:
        from pikos._launcher.web import show_page

        show_page(session.profile, bool(request.options.follow))
    return session


def session_of(request: Request) -> Session:
    """The run that does what is asked, not begun."""
    kind = SamplingSession if request.options.sample else CountingSession
    return kind(recorder(request.options), request)


def at_main(session: Session, request: Request) -> bool:
    """Record from the program's first instruction to its last. False where nobody can tell when that comes."""
    begin = session.begin_paused if request.options.paused else session.begin
    # Samples have no row of exec's.
    calls_exec = request.options.builtins and not request.options.sample
    return _at_main(begin, session.end, exec if calls_exec else None)
