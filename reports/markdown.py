"""A run in Markdown, short enough for a pull request: the verdicts, the doubts, the migrations."""

import re
from collections.abc import Iterator, Sequence

from reports.migration_view import BLOCKS, CLIENT_TIME, SERVER_TIME, MigrationView
from reports.verdict_view import Card
from reports.view import DoubtView, ReportView

MARKS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "INVALID": "⚠️"}
_SHOWN = (SERVER_TIME, CLIENT_TIME, BLOCKS)


def markdown_of(view: ReportView) -> str:
    """Return GitHub-flavoured Markdown, ending with a newline. Texts from the run are escaped."""
    blocks = [
        f"## {_mark(view.overall.state)}: {escaped(view.overall.sentence)}",
        *([escaped(view.overall.detail)] if view.overall.detail else []),
        *(f"> **{title}.** {escaped(text)}" for title, text in view.warnings),
        "\n".join(_verdicts(view.cards)) if view.cards else "No objective was judged in this run.",
        *(["\n".join(_doubts(view.doubts))] if view.doubts else []),
        *(["\n".join(_migrations(view.migrations))] if view.migrations else []),
        _footer(view),
    ]
    return "\n\n".join(blocks) + "\n"


def _footer(view: ReportView) -> str:
    run = view.identity
    place = f"profile {escaped(run.profile)}, platform {escaped(run.platform)}"
    return f"Run `{run.run_id}`, {escaped(run.created)}, {place}, configuration `{run.config_sha256[:12]}`."


def escaped(text: str) -> str:
    """Text that neither Markdown nor HTML nor a table takes for its own; `p95 < 5000ms` stays readable."""
    flat = " ".join(text.split())
    flat = re.sub(r"&(?=[#\w])", "&amp;", flat)
    flat = re.sub(r"<(?![\s=\d])", "&lt;", flat)
    return re.sub(r"([\\`*\[\]|])", r"\\\1", flat)


def _verdicts(cards: Sequence[Card]) -> Iterator[str]:
    yield "| verdict | scenario | objective | observed | interval | n | exceedances | headroom |"
    yield "|---|---|---|--:|--:|--:|--:|--:|"
    for card in cards:
        counted = f"{card.exceedances} of {card.n}"
        observed = (card.observed, card.interval, card.observed_n)
        cells = (card.scenario, card.objective, *observed, counted, card.headroom)
        yield f"| {_mark(card.state)} | {' | '.join(map(escaped, cells))} |"
    for card in cards:
        if card.state != "PASS" and card.why:
            yield f"\n**{escaped(card.scenario)} {escaped(card.objective)}**: {escaped(card.why)}"


def _doubts(doubts: Sequence[DoubtView]) -> Iterator[str]:
    yield "### Doubts\n"
    for doubt in doubts:
        limit = f" (limit: {escaped(doubt.limit)})" if doubt.limit else ""
        place = f"{escaped(doubt.kind)}, {escaped(doubt.scenario)}"
        yield f"- **{doubt.grade}** {place}: {escaped(doubt.measured)}{limit}. {escaped(doubt.remedy)}"


def _migrations(migrations: Sequence[MigrationView]) -> Iterator[str]:
    yield "### Migrations\n"
    measures = [row.name for row in migrations[0].rows if row.name in _SHOWN]
    yield f"| verdict | migration | {' | '.join(measures)} |"
    yield f"|---|---|{'---|' * len(measures)}"
    for migration in migrations:
        rows = [row for row in migration.rows if row.name in _SHOWN]
        cells = (f"{row.before} → {row.after}{f' ({row.change})' if row.change else ''}" for row in rows)
        name = escaped(f"{migration.number} {migration.slug}")
        yield f"| {_mark(migration.state)} | {name} | {' | '.join(map(escaped, cells))} |"


def _mark(state: str) -> str:
    return f"{MARKS.get(state, MARKS['INVALID'])} {state}"
