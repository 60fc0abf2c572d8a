"""Records comma-separated values to a file."""

from __future__ import annotations

import csv

from pikos.recorders.csv_recorder import CSVRecorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any

__all__ = ["CSVFileRecorder"]


class CSVFileRecorder(CSVRecorder):
    """Write records to a file, in UTF-8, as ``csv.writer`` does, below a line with the field names.

    filename: the file. filter_: called with a record; says whether it is recorded. csv_kwargs: for ``csv.writer``. The
    first `prepare` replaces the file; those after a `finalize` go on at its end.
    """

    def __init__(
        self, filename: str | os.PathLike[str], filter_: Callable[[Any], bool] | None = None, **csv_kwargs: Any
    ) -> None:
        super().__init__(None, filter_, **csv_kwargs)
        self._filename = filename
        self._file: Any = None

    def prepare(self, record: Any) -> None:
        """Open the file, and write the line with the field names, the first time. OSError if it can't be opened."""
        if not self._ready:
            mode = "a" if self._has_header else "w"
            self._stream = self._file = open(self._filename, mode, encoding="utf-8", newline="")
            self._writer = csv.writer(self._file, **self._csv_kwargs)
        super().prepare(record)

    def finalize(self) -> None:
        """Close the file. RecorderError if the recorder isn't ready."""
        super().finalize()
        self._file.close()

    def _target(self) -> Any:
        self._file.flush()
        return self._file.fileno()
