"""Records lines of text to a file."""

from __future__ import annotations

from pikos.recorders.text_stream_recorder import TextStreamRecorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any

__all__ = ["TextFileRecorder"]


class TextFileRecorder(TextStreamRecorder):
    """Write each record to a file, in UTF-8, as a line of text, below a line with the field names.

    filename: the file. The other arguments are those of `TextStreamRecorder`. The first `prepare` replaces the file; those
    after a `finalize` go on at its end.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        filter_: Callable[[Any], bool] | None = None,
        formatted: bool = False,
        auto_flush: bool = False,
        formater: Any = None,
    ) -> None:
        super().__init__(None, filter_, formatted, auto_flush, formater)
        self._filename = filename
        self._file: Any = None

    def prepare(self, data: Any) -> None:
        """Open the file, and write the line with the field names, the first time. OSError if it can't be opened."""
        if not self._ready:
            mode = "a" if self._has_header else "w"
            self._stream = self._file = open(self._filename, mode, encoding="utf-8")
        super().prepare(data)

    def finalize(self) -> None:
        """Close the file. RecorderError if the recorder isn't ready."""
        super().finalize()
        self._file.close()

    def _target(self) -> Any:
        self._file.flush()
        return self._file.fileno()
