"""``python -m pikos``: the ``pikos`` command."""

import sys

from pikos._command import main

if __name__ == "__main__":
    sys.exit(main())
