"""Places at which a record says something else than what was computed again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tailguard.base.secrets import mask_all
from tailguard.record.part import Json, Part
from tailguard.record.run_json import plain

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Difference:
    """A place, as a dotted path, and both values there."""

    where: str
    recorded: Json
    recomputed: Json


def differences(recorded: Json, recomputed: Json, where: str) -> Iterator[Difference]:
    """Yield each place at which two values of JSON differ."""
    if isinstance(recorded, dict) and isinstance(recomputed, dict):
        for name in dict.fromkeys([*recorded, *recomputed]):
            left, right = recorded.get(name, ABSENT), recomputed.get(name, ABSENT)
            yield from differences(left, right, f"{where}.{name}")
    elif isinstance(recorded, list) and isinstance(recomputed, list) and len(recorded) == len(recomputed):
        for place, (left, right) in enumerate(zip(recorded, recomputed, strict=True)):
            yield from differences(left, right, f"{where}[{place}]")
    elif recorded != recomputed or type(recorded) is not type(recomputed):
        yield Difference(where, recorded, recomputed)


def part_differences(recorded: Part | None, recomputed: Part | None, where: str) -> Iterator[Difference]:
    """Yield each place at which two parts differ; either may be absent."""
    yield from differences(as_recorded(recorded), as_recorded(recomputed), where)


def list_differences(
    recorded: Sequence[Part], recomputed: Sequence[Part], where: str
) -> Iterator[Difference]:
    """Yield each place at which two lists of parts differ."""
    yield from differences([*map(as_recorded, recorded)], [*map(as_recorded, recomputed)], where)


def as_recorded(part: Part | None) -> Json:
    """Return a part as it comes back from run.json: as JSON's own values, without a secret."""
    value: Json = None if part is None else mask_all(plain(part))
    return value
