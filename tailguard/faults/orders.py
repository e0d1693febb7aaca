"""The faults that a configuration orders: what each is called, what its number means."""

from dataclasses import dataclass

from tailguard.base.errors import UsageError
from tailguard.base.text_format import ratio
from tailguard.config.merge import Config
from tailguard.config.option import did_you_mean

# What the number after "=" means, and what it must be below; kinds without one take none.
_AMOUNTS = {
    "s3_errors": ("share", 1.0),
    "s3_timeouts": ("share", 1.0),
    "s3_resets": ("share", 1.0),
    "s3_slow": ("s", 60.0),
    "subscribers_dropped": ("share", 1.0),
}
_PLAIN = (
    "s3_down",
    "s3_killed",
    "postgres_terminated",
    "postgres_restarted",
    "postgres_stopped_fast",
    "postgres_stopped_immediate",
)
KINDS = (*_AMOUNTS, *_PLAIN)


@dataclass(frozen=True, slots=True)
class Ordered:
    """A fault as ordered: `s3_errors=0.02:5` is 2 % of the answers for 5 s."""

    kind: str
    amount: float
    seconds: float

    def __str__(self) -> str:
        """Say it as a reader does."""
        match self.kind:
            case "s3_slow":
                return f"S3 answers {self.amount:g} s late"
            case "s3_errors" | "s3_timeouts" | "s3_resets" | "subscribers_dropped":
                return f"{_words(self.kind)} {ratio(self.amount)}"
            case _:
                return _words(self.kind)


def ordered_faults(config: Config) -> list[Ordered]:
    """Return the faults of a configuration, in their order. Raises UsageError for one that cannot be read."""
    return [_ordered(text) for text in config.chaos.faults]


def _words(kind: str) -> str:
    return kind.replace("s3_", "S3_").replace("postgres", "PostgreSQL").replace("_", " ")


def _ordered(text: str) -> Ordered:
    order, _, seconds = text.partition(":")
    kind, _, amount = order.partition("=")
    if kind not in KINDS:
        raise UsageError(f"chaos.faults: there is no fault {kind!r}.{did_you_mean(kind, list(KINDS))}")
    try:
        read = Ordered(kind, float(amount or 0), float(seconds))
    except ValueError:
        raise UsageError(
            f"chaos.faults: {text!r} is not of the form kind=amount:seconds, as s3_errors=0.02:5"
        ) from None
    meaning, most = _AMOUNTS.get(kind, ("", 0.0))
    if (
        bool(amount) != bool(meaning)
        or (meaning and not 0 < read.amount <= most)
        or not 0 < read.seconds < float("inf")
    ):
        wanted = (
            f"{kind}=AMOUNT:SECONDS, the amount ({meaning}) at most {most:g}"
            if meaning
            else f"{kind}:SECONDS"
        )
        raise UsageError(f"chaos.faults: {text!r} must be {wanted}")
    return read
