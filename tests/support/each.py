"""Loops that assert something of each of at least one."""

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def each(items: Iterable[T]) -> list[T]:
    """Return the items, of which there is at least one: of none, a loop would assert nothing."""
    found = [*items]
    assert found, "there is none to look at"
    return found
