"""GitHub: annotations for the log (ten at most, the worst first), the step summary, a comment that is updated."""

from tailguard.base.output.escaping import for_workflow, for_workflow_property
from tailguard.base.state import State
from tailguard.record.run import Run
from tailguard.record.verdict import Verdict
from tailguard.report.text.markdown import markdown_of
from tailguard.report.views.verdict_view import title_of, worst_first
from tailguard.report.views.view import view_of

MOST_ANNOTATIONS = 10  # GitHub shows no more of a kind and step
MOST_BYTES = 1024 * 1024 - 1024  # a summary above 1 MiB is dropped whole
MOST_COMMENT_CHARACTERS = 65_000  # GitHub refuses a comment beyond 65,536
# By this the workflow finds its own comment again, to replace it.
MARKER = "<!-- tailguard -->"
_LEVEL = {State.FAIL: "error", State.INVALID: "error", State.INCONCLUSIVE: "warning"}


def annotations(run: Run) -> dict[str, str]:
    """Return workflow commands, one per line, to be printed in a step."""
    worst = worst_first(verdict for verdict in run.record.verdicts if verdict.state is not State.PASS)
    lines = [_line(verdict) for verdict in worst[:MOST_ANNOTATIONS]]
    if len(worst) > MOST_ANNOTATIONS:
        rest = len(worst) - MOST_ANNOTATIONS + 1
        lines[-1] = f"::warning title=Tailguard::{rest} more verdicts are not PASS: see the report"
    return {"annotations.txt": "".join(f"{line}\n" for line in lines)}


def summary(run: Run) -> dict[str, str]:
    """Return the Markdown for $GITHUB_STEP_SUMMARY."""
    return {"summary.md": _cut(markdown_of(view_of(run.record)), MOST_BYTES)}


def comment(run: Run) -> dict[str, str]:
    """Return the Markdown of a pull request's comment; its first line marks it as ours."""
    text = _cut(
        markdown_of(view_of(run.record)), MOST_COMMENT_CHARACTERS
    )  # bytes are at least as many as characters
    return {"comment.md": f"{MARKER}\n{text}"}


def _line(verdict: Verdict) -> str:
    title = for_workflow_property(f"{verdict.state}: {title_of(verdict)}")
    return f"::{_LEVEL[verdict.state]} title={title}::{for_workflow(verdict.why)}"


def _cut(text: str, most_bytes: int) -> str:
    """Cut at a line's end, and say so."""
    if len(text.encode()) <= most_bytes:
        return text
    note = "\n\n… cut: the whole is in the run's report.\n"
    kept = text.encode()[: most_bytes - len(note.encode())].decode(errors="ignore")
    return kept.rpartition("\n")[0] + note
