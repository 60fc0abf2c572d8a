"""The first that the program's own process does for a recording: everything is made ready while the interpreter starts, so that at the
program's first instruction there is nothing left to import."""

from pikos._launcher.request import Request
from pikos._launcher.session import Session
from pikos._lsprof import _at_main
from pikos.cprofile.profile import Profile


def profiled(request: Request) -> Session:
    """A session that does what is asked, and saves it however the program ends. It waits for the program."""
    profile = Profile(**request.options.for_profile())
    profile._calibrate()
    session = Session(profile, request)
    session.guard()
    if request.shows_top:
        from pikos._launcher.pane import show_top

        show_top(profile)
    if request.shows_page:
        from pikos._launcher.web import show_page

        show_page(profile, bool(request.options.follow))
    return session


def at_main(session: Session, request: Request) -> bool:
    """Record from the program's first instruction to its last. False where nobody can tell when that comes."""
    begin = session.begin_paused if request.options.paused else session.begin
    return _at_main(begin, session.end, exec if request.options.builtins else None)
