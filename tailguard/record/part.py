"""What every part of the record is made of: the strict base class, JSON documents of others, estimates."""

import math
from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

Scalar: TypeAlias = bool | int | float | str | None
Json: TypeAlias = "Scalar | list[Json] | dict[str, Json]"

Utc = Annotated[
    str,
    msgspec.Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$"),
]  # `base.text_format.utc`
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of run.json: it does not change, and it is read strictly.

    Numbers are Python's own: the encoder refuses numpy's. NaN and infinity are not JSON: if a number may be absent,
    its field is `float | None` and its writer calls `finite`.
    """


class Document:  # noqa: PLW1641  # compared, as the dict that it holds, and never hashed
    """A JSON object whose keys are not ours: what EXPLAIN says, or the tables of a user's configuration."""

    __slots__ = ("value",)

    def __init__(self, value: Mapping[str, Json]) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document) and self.value == other.value

    def __repr__(self) -> str:
        return f"Document({self.value!r})"


class Estimate(Part, frozen=True, kw_only=True):
    """A quantile, ratio or rate with its interval, in the unit of the field that holds it.

    `value` is None if the samples are too few to have it, `low` or `high` if no sample bounds that side. The interval
    covers the truth with probability `level` or more: for `n` independent samples, if its field says nothing else.
    """

    value: float | None
    low: float | None
    high: float | None
    level: Share
    n: Count


class Quantile(Estimate, frozen=True, kw_only=True):
    """The quantile `q`: a sample that really occurred."""

    q: Share


class Quantiles(Part, frozen=True, kw_only=True):
    """Three quantiles and the maximum of one list of times, in the unit of the field that holds them."""

    p50: Quantile
    p95: Quantile
    p99: Quantile
    max: float | None


def finite(value: float) -> float | None:
    """Return `value` as a Python float, or None for NaN and the infinities."""
    return float(value) if math.isfinite(value) else None
