"""One key of the configuration: its type (that of its default), its rules, how it is read from text."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

from tailguard.base.errors import UsageError
from tailguard.base.secrets import MASK, mask, mask_all

OptionValue: TypeAlias = bool | int | float | str | list[str]  # what TOML knows and we use

LONGEST_TEXT, LONGEST_SHOWN = 4096, 120
TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "0"})
KINDS: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str, "list": list}
TYPE_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list of texts",
}


def split_list(text: str) -> list[str]:
    """Return what is between commas; those of a case's name, `checkout[size=10,kind=a]`, are its own."""
    return [item.strip() for item in re.split(r",(?![^\[]*\])", text) if item.strip()]


@dataclass(frozen=True, slots=True)
class Option:
    """A key with the rules of its values; a `secret` is masked wherever it is shown.

    A number lies between two bounds, a text is one line: what a run cannot do, or would never end, does not get past.
    """

    name: str
    default: OptionValue | None  # None: unset
    about: str = ""
    kind: str = ""  # the type of a key without a default, which is then None
    secret: bool = False
    one_of: tuple[str, ...] = ()
    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    matches: str = ""  # of a text, or of each text of a list: a pattern, and an example of it
    such_as: str = ""

    def accept(self, value: object, source: str) -> Any:
        """Return `value` in the key's own type; raise UsageError, naming the key, where it has another."""
        kind = self.type
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or (
            isinstance(value, list) and not all(isinstance(item, str) for item in value)
        ):
            raise self._refused(value, source, f"must be {TYPE_NAMES[kind]}")
        if isinstance(value, float) and not math.isfinite(value):
            raise self._refused(value, source, "must be a finite number")
        if broken := self._broken_rule(value):
            raise self._refused(value, source, broken)
        return value

    def parse(self, text: str, source: str) -> Any:
        """Return the value that `text` (of a variable or a flag) stands for; commas separate a list."""
        kind = self.type
        value: object = text
        if kind is bool:
            word = text.strip().lower()
            value = True if word in TRUE_WORDS else False if word in FALSE_WORDS else text
        elif kind is list:
            value = split_list(text)
        elif kind is not str:
            value = _number(text, kind)
        return self.accept(value, source)

    def added(self, below: Any, more: Any, source: str) -> list[str]:
        """Return the list `below` with what `+=` adds to it; raise UsageError, naming the key, if it is not a list."""
        if self.type is not list:
            raise UsageError(
                f"{source}: {self.name} is not a list, so nothing can be added to it: write = for +=."
            )
        return [*below, *(item for item in more if item not in below)]

    @property
    def type(self) -> type:
        """The type of the key's values."""
        return KINDS[self.kind] if self.kind else type(self.default)

    def shown(self, value: object) -> object:
        """Return `value` as it may be shown and saved."""
        return _masked(str(value)) if self.secret and value else mask_all(value)

    def _broken_rule(self, value: Any) -> str | None:
        if self.one_of and value not in self.one_of:
            return "must be one of " + ", ".join(word or '""' for word in self.one_of)
        bounds = (
            (self.above, gt, "above"),
            (self.below, lt, "below"),
            (self.at_least, ge, "at least"),
            (self.at_most, le, "at most"),
        )
        for bound, holds, words in bounds:
            if bound is not None and not holds(value, bound):
                return f"must be {words} {bound:,}"
        texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        return next((broken for text in texts if (broken := self._broken_text(text))), None)

    def _broken_text(self, text: str) -> str | None:
        if len(text) > LONGEST_TEXT or not text.isprintable():
            return f"must be one line of at most {LONGEST_TEXT:,} characters"
        if self.matches and not re.fullmatch(self.matches, text):
            return f"must be {'texts ' if self.type is list else ''}such as {self.such_as!r}"
        return None

    def _refused(self, value: object, source: str, why: str) -> UsageError:
        shown = repr(self.shown(value)) if value is not None else "'nothing'"
        if len(shown) > LONGEST_SHOWN:
            shown = f"{shown[:LONGEST_SHOWN]}..."
        return UsageError(f"{source}: {self.name} {why}, not {shown}.")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest of `known`, or a list of all where none is near."""
    known = list(known)
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f" Did you mean {near[0]!r}?"
    return " Known: " + ", ".join(sorted(known)) + "." if known else ""


def _number(text: str, kind: type) -> object:
    try:
        return kind(text)
    except ValueError:
        return text


def _masked(text: str) -> str:
    # A secret without the shape of one (a bare word) is masked whole.
    masked = mask(text)
    return masked if masked != text or "://" in text else MASK
