"""What holds for all tests."""

import gc
import signal

# A job in the background of a script has Ctrl-C ignored, and its children inherit that. Tests are about what it does.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Collect what finding the tests left: a generator that is closed as garbage would be in a test's profile."""
    gc.collect()
