"""How a sampler is started in one line; with the names of ox_profile's launchers, so that programs written for that need another
import and nothing else."""

from pikos.sampling.sampler import Sampler

__all__ = ["SimpleLauncher", "launch"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


def launch(rate: float = 100, **options: "Any") -> Sampler:
    """Make a ``Sampler``, start it, and return it. The arguments are the ones that ``Sampler`` takes."""
    sampler = Sampler(rate, **options)
    sampler.start()
    return sampler


class SimpleLauncher(Sampler):
    """SimpleLauncher(interval=0.001)

    A ``Sampler`` that waits for ``unpause()`` when it is started; ``launch()`` does both.

        from pikos.sampling import SimpleLauncher

        profiler = SimpleLauncher.launch()
        ...
        print(profiler.show())
        profiler.cancel()

    interval: seconds from one sample to the next. All other arguments are the ones that ``Sampler`` takes by name.
    """

    def __init__(self, interval: float = 0.001, **options: "Any") -> None:
        super().__init__(**options)
        self.set_interval(interval)

    @classmethod
    def launch(cls, *args: "Any", **options: "Any") -> "Self":
        """Make one, start it, and let it sample."""
        launcher = cls(*args, **options)
        launcher.start()
        launcher.unpause()
        return launcher

    def start(self) -> None:
        """Be ready; with ``live``, publish. It samples from unpause() on."""
        self._go_live()

    def cancel(self) -> None:
        """Sample no more. What was sampled stays."""
        self.stop()

    @property
    def sampler(self) -> "Self":
        """Where ox_profile has its sampler."""
        return self

    @property
    def my_db(self) -> "Self":
        """Where that has what it found, which query() tells."""
        return self
