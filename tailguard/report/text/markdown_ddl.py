"""The proof of a SQL file in Markdown: its steps in one table, both ways side by side, the safe SQL."""

from collections.abc import Iterator

from tailguard.base.output.escaping import as_markdown_code, for_markdown
from tailguard.base.state import State
from tailguard.record.ddl import DdlProof
from tailguard.record.run_record import RunRecord
from tailguard.report.text.markdown_text import marked, table
from tailguard.report.views.proof.ddl_view import StepView, lead_of, steps_of, ways_of

HEADS = "verdict | step | statement | longest wait:| the safe way:| failed requests:| the safe way:"


def ddl_blocks(record: RunRecord, proof: DdlProof) -> Iterator[str]:
    """Yield blocks of Markdown. Texts from the file are escaped."""
    yield f"### Steps of {for_markdown(proof.file)}"
    yield for_markdown(lead_of(proof))
    yield from (f"> **Left out.** {for_markdown(what)}" for what in proof.left_out)
    steps = steps_of(record)
    if steps:
        yield "\n".join(table(HEADS, map(_row, steps)))
    for view in steps:
        yield "\n".join(_unmet(view))
        if view.step.safe is not None:
            yield "\n".join(f"- {as_markdown_code(each.text)}" for each in view.step.safe.statements)
            yield for_markdown(view.step.safe.why)


def _unmet(view: StepView) -> Iterator[str]:
    for each in view.as_written:
        if each.state is not State.PASS:
            name = f"{for_markdown(view.title)}, {for_markdown(each.name)}"
            yield f"- {marked(each.state)} {name}: {for_markdown(each.observed)}"


def _row(view: StepView) -> Iterator[str]:
    ways = ways_of(view.step)
    yield marked(view.state)
    yield view.title
    yield "; ".join(statement.text for statement in view.step.statements)
    yield from (way.longest for way in ways)
    yield from [""] * (2 - len(ways))
    yield from (way.failed for way in ways)
    yield from [""] * (2 - len(ways))
