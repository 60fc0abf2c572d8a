"""Other interpreters in a program's process, with and without a GIL of their own."""

#: The beginning of a program: `beside(others, code, act)` runs the code in so many other interpreters, a thread each, and calls `act` meanwhile.
#: `OWN_GIL` has to be set before.
INTERPRETERS = """
import sys, textwrap, threading

IS_NEW = sys.version_info >= (3, 13)
if IS_NEW:
    import _interpreters as interpreters
else:
    import _xxsubinterpreters as interpreters

def make():
    if IS_NEW:
        return interpreters.create("isolated" if OWN_GIL else "legacy")
    return interpreters.create(isolated=OWN_GIL)

def beside(others, code, act):
    made = [make() for _ in range(others)]
    run = interpreters.exec if IS_NEW else interpreters.run_string
    threads = [threading.Thread(target=run, args=(other, textwrap.dedent(code))) for other in made]
    for thread in threads:
        thread.start()
    result = act()
    for thread in threads:
        thread.join()
    for other in made:
        interpreters.destroy(other)
    return result
"""
