"""What came over the subscribers' connections beside what was waited for: it says why nothing else came."""

from collections import Counter, deque

from tailguard.base.answered import shortened

# A server has a handful of frame types, and closes with few codes; a hostile one is not listed to its end.
MOST_KINDS, MOST_LETTERS = 12, 60


class Heard:
    """Counts frames by their type, and closings by code and reason; keeps the last keys of events."""

    def __init__(self, key_path: str, secret: str) -> None:
        self._key_path, self._secret = key_path, secret
        self._frames: Counter[str] = Counter()
        self._closings: Counter[str] = Counter()
        self._keys: deque[str] = deque(maxlen=3)

    def frame(self, kind: object) -> None:
        """Note a frame of this type that is not an event."""
        self._count(self._frames, str(kind))

    def event(self, kind: object, key: object) -> None:
        self._count(self._frames, str(kind))
        self._keys.append(self._shown(repr(key)))

    def closing(self, code: object, reason: object) -> None:
        """Note that the server closed a connection, and its reason."""
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason or "")
        self._count(self._closings, f"{code}" + (f" ({told})" if told else ""))

    def __str__(self) -> str:
        """Return all of it in words."""
        parts = [f"frames came of type {_listed(self._frames)}" if self._frames else "no frame came"]
        if self._keys:
            parts.append(f"the last events had {self._key_path} {', '.join(self._keys)}")
        if self._closings:
            parts.append(f"the server closed with code {_listed(self._closings)}")
        return "; ".join(parts)

    def _count(self, counter: Counter[str], what: str) -> None:
        if what in counter or len(counter) < MOST_KINDS:
            counter[self._shown(what)] += 1

    def _shown(self, text: str) -> str:
        return shortened(text.replace(self._secret or "\0", "***"), MOST_LETTERS)


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{what} ({count})" if count > 1 else what for what, count in counter.items())
