"""What a SQL file sets for its session: the search path that all of it is read by, roles, time limits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.migrations.text.script import Block, read_blocks
from tailguard.migrations.text.sql import NAME, folded

SCOPE = r"(?:SET|RESET)\s+(?:(?:LOCAL|SESSION)\s+)?"
SET = re.compile(rf"{SCOPE}(?!CONSTRAINTS\b|TRANSACTION\b)", re.IGNORECASE)
PATH = re.compile(
    r"SET\s+(?:(?:LOCAL|SESSION)\s+)?search_path\s*(?:=|\bTO\b)(?P<names>.+)", re.IGNORECASE | re.DOTALL
)
ROLE = re.compile(rf"{SCOPE}(?:ROLE|SESSION\s+AUTHORIZATION|AUTHORIZATION)\b", re.IGNORECASE)
LIMIT = re.compile(rf"{SCOPE}(?:lock_timeout|statement_timeout)\b", re.IGNORECASE)
LOCAL = re.compile(r"SET\s+LOCAL\s+", re.IGNORECASE)
SCHEMA = re.compile(rf"{NAME}|'(?P<text>[^']*)'", re.ASCII)


@dataclass(frozen=True, slots=True)
class Script:
    """A SQL file without the search path that it sets: `path` has its schemas, () if it sets none."""

    blocks: tuple[Block, ...]
    path: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that it takes, as it says so."""
        texts = (text for block in self.blocks for text in (*block.settings, *_texts(block)))
        return tuple(dict.fromkeys(text for text in texts if ROLE.match(text)))


def read_script(path: Path, *, single_transaction: bool = False) -> Script:
    """Read a SQL file as `read_blocks` does. Raises UsageError if parts of it are on different search paths."""
    found = read_blocks(path, single_transaction=single_transaction)
    paths = {_path_of(block) for block in found}
    if len(paths) > 1:
        told = " and ".join(sorted(",".join(each) or "its session's own" for each in paths))
        raise UsageError(
            f"{path}: its statements are on different search paths: {told}. Set one at the top, or write the schema"
            " before each name."
        )
    return Script(
        tuple(_without(block, PATH) for block in found if _left(block)), paths.pop() if paths else ()
    )


def on_a_copy(block: Block) -> Block:
    """Return a block without the roles that it takes: what a statement locks does not depend on who executes it."""
    return _without(block, ROLE)


def _path_of(block: Block) -> tuple[str, ...]:
    """Return the schemas that a block's names are looked up in, the last that it sets before anything else."""
    told = [*block.settings, *(_texts(block) if block.transaction else ())]
    named = [match["names"] for text in told if (match := PATH.match(text))]
    if not named or re.fullmatch(r"\s*DEFAULT\s*", named[-1], re.IGNORECASE):
        return ()
    return tuple(
        each["text"] if each["text"] is not None else folded(each[0]) for each in SCHEMA.finditer(named[-1])
    )


def _without(block: Block, what: re.Pattern[str]) -> Block:
    return replace(
        block,
        statements=tuple(one for one in block.statements if not what.match(one.text)),
        settings=tuple(text for text in block.settings if not what.match(text)),
    )


def _left(block: Block) -> bool:
    """Whether a block does anything but set what it is executed with."""
    return any(not SET.match(text) for text in _texts(block))


def _texts(block: Block) -> Sequence[str]:
    return [one.text for one in block.statements]
