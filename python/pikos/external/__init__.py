"""Other profilers, to be used as monitors: ``@profiler.attach``, ``with profiler:``. They know no recorders."""
