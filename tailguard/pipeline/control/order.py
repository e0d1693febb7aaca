"""An order as a user types it, and the answer."""

from typing import Literal, get_args

import msgspec

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.config.option import did_you_mean
from tailguard.config.stated_load import stated_rate

Word = Literal["rate", "pause", "resume", "stop"]
_FORMS = "rate=80/s, pause, resume or stop"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rate_per_s` is of a rate alone; `scenario` is "" for all."""

    word: Word
    rate_per_s: float | None = None
    scenario: str = ""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether an order was obeyed, and what a user is told."""

    obeyed: bool
    told: str


def read_order(text: str, scenario: str = "") -> Order:
    """Return the order. Raises UsageError that names what may not change while a run is under way."""
    key, equals, value = (part.strip() for part in text.partition("="))
    if key == "rate" and equals:
        load = stated_rate(value)
        rate = load["rate_per_s"] if load["schedule"] == "poisson" else None
        if not isinstance(rate, float) or rate <= 0:
            raise UsageError(
                f"rate {value!r}: the rate of a run under way is one number, such as 80/s. Use pause for 0."
            )
        return Order("rate", rate, scenario)
    if key in get_args(Word) and key != "rate" and not equals:
        if scenario:
            raise UsageError(f"{key} concerns the whole run: leave out --scenario {scenario}.")
        return Order(key)  # type: ignore[arg-type]  # it is one of the words
    known = [*load_config().settings]
    named = next((name for name in (key, f"load.{key}") if name in known), "")
    if named:
        raise UsageError(f"{named} may not change while a run is under way. What may: {_FORMS}.")
    raise UsageError(f"{text!r} is not an order: give {_FORMS}.{did_you_mean(key, get_args(Word))}")
