"""What runs a program under a profiler or a monitor, as plain ``python`` would run it: ``python -m pikos.cprofile``, ``pikos-run``.

``program`` makes the program's world, ``run`` completes what was recorded however it ends, ``session`` is the run of a profile,
``options`` its command line, ``pane`` shows ``pikos top`` beside it.

Nothing that is loaded before the program runs has ``from __future__ import annotations``: it imports a module, and a profiled program
waits for each. Types that only checkers know are quoted instead.
"""
