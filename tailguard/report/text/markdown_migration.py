"""Migrations in Markdown: what the query gained, and of a proof what was asked, what it costs and how it grows."""

from collections.abc import Iterator, Sequence

from tailguard.base.output.escaping import for_markdown
from tailguard.base.state import State
from tailguard.record.migration import GrowthRow, MigrationEntry
from tailguard.record.verdict import ProofVerdict
from tailguard.report.text.markdown_text import marked, table
from tailguard.report.views import numbers
from tailguard.report.views.proof import live_view
from tailguard.report.views.proof.index_tradeoff import IndexTradeoff, costs_of
from tailguard.report.views.proof.migration_view import (
    BLOCKS,
    CLIENT_TIME,
    SERVER_TIME,
    MigrationView,
    rows_of,
)
from tailguard.report.views.proof.sentences import worth

_SHOWN = (SERVER_TIME, CLIENT_TIME, BLOCKS)


def migration_blocks(migrations: Sequence[MigrationView], questions: Sequence[ProofVerdict]) -> Iterator[str]:
    """Yield blocks of Markdown: all migrations in one table, then what each proof found beyond it."""
    if not migrations:
        return
    yield "### Migrations"
    yield "\n".join(table(f"verdict | migration | {' | '.join(_SHOWN)}", map(_row, migrations)))
    for migration in migrations:
        number = migration.entry.number
        yield from _proof(
            migration, [each for each in questions if each.migration == number and each.expected]
        )


def _row(migration: MigrationView) -> Iterator[str]:
    yield marked(migration.state)
    yield f"{migration.entry.number} {migration.entry.slug}"
    for row in rows_of(migration.entry):
        if row.name in _SHOWN:
            yield f"{row.before} → {row.after}{f' ({row.change})' if row.change else ''}"


def _proof(migration: MigrationView, questions: Sequence[ProofVerdict]) -> Iterator[str]:
    entry = migration.entry
    if migration.state is not State.PASS and not questions and migration.why:
        yield f"**{for_markdown(entry.number)}**: {for_markdown(migration.why)}"
    if gain := live_view.gain_of(entry):
        yield f"**{for_markdown(entry.number)}**: {for_markdown(gain)}"
    if entry.live is not None:
        warning = "" if entry.live.control else live_view.NO_CONTROL
        yield for_markdown(f"{live_view.lead_of(entry, entry.live)} {warning}".strip())
    if questions:
        rows = ((marked(each.state), each.name, each.observed, each.expected) for each in questions)
        yield "\n".join(table("verdict | asked | observed | expected", rows))
    yield from _costs(entry)
    if entry.growth:
        yield "\n".join(_growth(entry.growth))
    if absent := live_view.cold_absent(entry):
        yield f"Not measured with a cold cache: {for_markdown(absent)}."


def _costs(entry: MigrationEntry) -> Iterator[str]:
    if entry.cost is None:
        return
    title = "cost" if entry.act == "build" else "cost of each write"
    yield "\n".join(_tradeoffs(title, tuple(costs_of(entry, entry.cost))))
    if entry.act == "build":
        yield for_markdown(worth(entry))


def _tradeoffs(title: str, rows: Sequence[IndexTradeoff]) -> Iterator[str]:
    cells = ((r.name, r.without, r.having, f"{r.change} ({r.note})" if r.note else r.change) for r in rows)
    return table(f"{title} | without:| with the index:| change:", cells)


def _growth(rows: Sequence[GrowthRow]) -> Iterator[str]:
    return table("rows:| warm, without → with:| faster:| cold:| blocks:| index:| build:", map(_size, rows))


def _size(row: GrowthRow) -> tuple[str, ...]:
    before, after = row.before, row.after
    return (
        numbers.count(row.rows),
        _pair(numbers.ms(before.server_ms.value), numbers.ms(after.server_ms.value)),
        live_view.growth_gain(row),
        _pair(live_view.cold_ms(before), live_view.cold_ms(after)),
        _pair(numbers.count(before.blocks.total), numbers.count(after.blocks.total)),
        numbers.size(row.index_bytes),
        numbers.seconds(row.build_s),
    )


def _pair(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"
