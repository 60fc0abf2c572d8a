"""What records a run: a profile that counts, or a sampler."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from pikos._lsprof import _StoredProfile
    from pikos._options import Options

    class Recorder(Protocol):
        """What a run needs of it."""

        def enable(self) -> None: ...
        def disable(self) -> None: ...
        def clear(self) -> None: ...
        def _go_live(self) -> str | None: ...
        def _end_live(self, how: str, detail: str) -> None: ...
        def _finished(self) -> _StoredProfile: ...
        def _save(self, path: str, fresh: bool = False) -> bool: ...
        def _bytes_for(self, path: str) -> bytes: ...
        @property
        def endpoints(self) -> list[str]: ...
        @property
        def tree(self) -> bool: ...
        @property
        def _is_enabled(self) -> bool: ...


def recorder(options: "Options") -> "Recorder":
    """The one that does what is asked. ValueError for what can't be."""
    if options.sample:
        from pikos.sampling.sampler import Sampler

        return Sampler(**options.for_profile())
    from pikos.cprofile.profile import Profile

    return Profile(**options.for_profile())
