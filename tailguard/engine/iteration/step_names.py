"""The names of a scenario's steps, numbered as they are first met: declared ones first."""

from collections.abc import Sequence
from threading import Lock

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.record.samples import MOST_STEPS

# Samples of a journey that failed before it named any step have a number, and so need a name.
UNNAMED = "journey"


class StepNames:
    """The numbers of step names, shared by all users of a scenario.

    With `declared` names these are all, in their order; with none a name gets the next number when it is first used.
    """

    def __init__(
        self, declared: Sequence[str] = (), kind: str = "step", *, apart: "StepNames | None" = None
    ) -> None:
        """`kind` is what they name, for messages. A name that is `apart` cannot be one of them, and vice versa."""
        self._kind, self._lock = kind, Lock()
        self.kinds: dict[str, str] = {UNNAMED: kind} if apart is None else apart.kinds
        self.numbers = {name: number for number, name in enumerate(declared)}
        self._declared = bool(declared)
        for name in declared:
            _check(name, kind)
            self.kinds[name] = kind
        if len(self.numbers) != len(declared) or len(declared) > MOST_STEPS:
            raise UsageError(f"steps {tuple(declared)} must be up to {MOST_STEPS} different names")

    def number(self, name: str) -> int:
        """Return the number of a name that may be new.

        Raises:
            UsageError: the name is not a declared one, cannot be shown in one line, or is one too many.
        """
        with self._lock:
            if name not in self.numbers:
                self._check_new(name)
                self.numbers[name] = len(self.numbers)
            return self.numbers[name]

    def names(self) -> tuple[str, ...]:
        """Return the names in the order of their numbers, at least one."""
        with self._lock:
            return tuple(self.numbers) or (UNNAMED,)

    def _check_new(self, name: str) -> None:
        if self._declared:
            known = list(self.numbers)
            raise UsageError(
                f"the journey times a step {name!r} that its scenario does not declare; "
                f"declared are {', '.join(known)}.{did_you_mean(name, known)}"
            )
        _check(name, self._kind)
        if len(self.numbers) == MOST_STEPS:
            raise UsageError(
                f"{self._kind} {name!r} is one more than the {MOST_STEPS} that a scenario can have: "
                f"give {self._kind}s names without ids in them"
            )
        if (other := self.kinds.setdefault(name, self._kind)) != self._kind:
            raise UsageError(f"{self._kind} {name!r}: a {other} has that name: give one of them another")


def _check(name: str, kind: str) -> None:
    if not name or name != name.strip() or not name.isprintable():
        raise UsageError(f"{kind} {name!r}: a {kind}'s name is one line of text without blanks around it")
