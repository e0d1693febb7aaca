"""The journey of one call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailguard.engine.iteration import Iteration


@dataclass(frozen=True, slots=True)
class Call:
    """The journey whose only step is one call."""

    step: str
    work: Callable[..., object]
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, it: "Iteration") -> object:
        """Play one iteration; of an async one, what is returned is to be awaited."""
        return it.step(self.step, self.work, *self.args, **self.kwargs)
