"""What runs a program under a profiler or a monitor, as plain ``python`` would run it: ``python -m pikos.cprofile``, ``pikos-run``.

In the process that was asked: ``command_line`` and ``options`` read what was typed, ``request`` says what that asks for, ``handover``
makes the process the program's own (``environment`` carries the request over); ``program`` is for where that can't be. In the program's
own: ``start`` makes ready, ``run`` completes what was recorded however it ends, ``session`` is the run of a profile, ``pane`` shows
``pikos top`` beside it.

Nothing that is loaded before the program runs has ``from __future__ import annotations``: it imports a module, and a profiled program
waits for each. Types that only checkers know are quoted instead.
"""
