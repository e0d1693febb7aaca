"""The two ways of an index migration: one builds what the other one drops."""

from collections.abc import Iterator
from pathlib import Path

from tailguard.migrations.lint.linted import Linted, Sent
from tailguard.migrations.text.sql import IndexStatement, created_index, dropped_index, folded


def pairs(folder: Linted) -> Iterator[tuple[Path, int, IndexStatement, Path, str | None]]:
    """Yield each file that drops an index, the line, what it drops, the other way, and the name of what that builds.

    The name is None if the other way builds no index.
    """
    ways = {file.path: sent for file, sent in folder.ways()}
    present = {file.path for file in folder.files}
    for path, line, text in folder.only_statements():
        part, back = ("up", "down") if path.name.endswith(".up.sql") else ("down", "up")
        other = path.with_name(path.name.replace(f".{part}.sql", f".{back}.sql"))
        index = dropped_index(text)
        if index is not None and other in present:
            yield path, line, index, other, _built(ways.get(other))


def _built(sent: Sent | None) -> str | None:
    built = [created_index(text) for _, text in sent.statements] if sent else []
    return next((folded(one.index) for one in built if one is not None), None)
