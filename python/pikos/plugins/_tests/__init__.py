"""What ``pikos.plugins.pytest`` loads when it is asked to profile.

`run` is the plugin: it records in the process where a test runs, and tells where the run is told of. `block` is the fixture's part of a
test, `benchmark` one of pytest-benchmark's, `folder` what a run leaves on the disk, `comparison` two of those, `tables` how all of it looks.
"""

#: How many tests the table at the end has, where nobody says it.
SLOWEST = 10
