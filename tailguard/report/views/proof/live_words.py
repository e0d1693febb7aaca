"""How a proof under load is told: what was done under load, and how the table is afterwards."""

from collections.abc import Mapping
from typing import Any


def statement_of(live: Mapping[str, Any]) -> str:
    """The statement as it was before CONCURRENTLY; proofs of older runs built an index."""
    return str(live.get("statement", "CREATE INDEX"))


def act_of(live: Mapping[str, Any]) -> str:
    """`drop` or `build`."""
    return "drop" if statement_of(live) == "DROP INDEX" else "build"


def after_of(live: Mapping[str, Any]) -> str:
    """Which index the window after the last of them had."""
    return "without the index" if act_of(live) == "drop" else "with the index"
