"""GitHub-flavoured Markdown: tables of escaped texts, with a mark for each state."""

from collections.abc import Iterable, Iterator

from tailguard.base.output.escaping import for_markdown
from tailguard.base.state import State

MARKS = {State.PASS: "✅", State.FAIL: "❌", State.INCONCLUSIVE: "🟡", State.INVALID: "⚠️"}


def marked(state: State) -> str:
    """The state as sign and word."""
    return f"{MARKS[state]} {state}"


def table(columns: str, rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table; `columns` are heads between bars, those that end with `:` set to the right."""
    heads = [head.strip() for head in columns.split("|")]
    yield f"| {' | '.join(head.removesuffix(':') for head in heads)} |"
    yield f"|{'|'.join('--:' if head.endswith(':') else '---' for head in heads)}|"
    for row in rows:
        yield f"| {' | '.join(map(for_markdown, row))} |"
