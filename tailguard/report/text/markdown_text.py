"""GitHub-flavoured Markdown from texts that a run brought along: escaped, as tables, with a mark for each state."""

import re
from collections.abc import Iterable, Iterator

from tailguard.base.state import State

MARKS = {State.PASS: "✅", State.FAIL: "❌", State.INCONCLUSIVE: "❔", State.INVALID: "⚠️"}


def escaped(text: str) -> str:
    """Text that neither Markdown nor HTML nor a table takes for its own; `p95 < 5000ms` stays readable."""
    flat = " ".join(text.split())
    flat = re.sub(r"&(?=[#\w])", "&amp;", flat)
    flat = re.sub(r"<(?![\s=\d])", "&lt;", flat)
    return re.sub(r"([\\`*\[\]|])", r"\\\1", flat)


def marked(state: State) -> str:
    """The state as sign and word."""
    return f"{MARKS[state]} {state}"


def table(columns: str, rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table; `columns` are heads between bars, those that end with `:` set to the right."""
    heads = [head.strip() for head in columns.split("|")]
    yield f"| {' | '.join(head.removesuffix(':') for head in heads)} |"
    yield f"|{'|'.join('--:' if head.endswith(':') else '---' for head in heads)}|"
    for row in rows:
        yield f"| {' | '.join(map(escaped, row))} |"
