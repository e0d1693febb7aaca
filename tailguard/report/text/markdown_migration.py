"""Migrations in Markdown: what the query gained, and of a proof what was asked, what it costs and how it grows."""

from collections.abc import Iterator, Sequence

from tailguard.report.text.markdown_text import escaped, marked, table
from tailguard.report.views.proof.index_tradeoff import Balance
from tailguard.report.views.proof.live_view import GrowthRow, ProofView
from tailguard.report.views.proof.migration_view import BLOCKS, CLIENT_TIME, SERVER_TIME, MigrationView
from tailguard.report.views.proof.proof_verdicts import ProofVerdict

_SHOWN = (SERVER_TIME, CLIENT_TIME, BLOCKS)


def migration_blocks(
    migrations: Sequence[MigrationView], proofs: Sequence[ProofView], verdicts: Sequence[ProofVerdict]
) -> Iterator[str]:
    """Yield blocks of Markdown: all migrations in one table, then what each proof found beyond it."""
    if not migrations:
        return
    yield "### Migrations"
    yield "\n".join(table(f"verdict | migration | {' | '.join(_SHOWN)}", map(_row, migrations)))
    for migration, proof in zip(migrations, proofs, strict=True):
        mine = [verdict for verdict in verdicts if verdict.migration == migration.number and verdict.expected]
        yield from _proof(migration, proof, mine)


def _row(migration: MigrationView) -> Iterator[str]:
    yield marked(migration.state)
    yield f"{migration.number} {migration.slug}"
    for row in migration.rows:
        if row.name in _SHOWN:
            yield f"{row.before} → {row.after}{f' ({row.change})' if row.change else ''}"


def _proof(migration: MigrationView, proof: ProofView, verdicts: Sequence[ProofVerdict]) -> Iterator[str]:
    if migration.state != "PASS" and not verdicts and migration.why:
        yield f"**{migration.number}**: {escaped(migration.why)}"
    if proof.gain:
        yield f"**{migration.number}**: {escaped(proof.gain)}"
    if proof.live:
        yield escaped(f"{proof.live.lead} {proof.live.warning}".strip())
    if verdicts:
        rows = ((marked(v.state), v.name, v.observed, v.expected) for v in verdicts)
        yield "\n".join(table("verdict | asked | observed | expected", rows))
    if proof.live and proof.live.costs:
        yield "\n".join(_balances("cost", proof.live.costs))
        yield escaped(proof.live.worth)
    if proof.savings:
        yield "\n".join(_balances("cost of each write", proof.savings))
    if proof.growth:
        yield "\n".join(_growth(proof.growth))
    if proof.cold_absent:
        yield f"Not measured with a cold cache: {escaped(proof.cold_absent)}."


def _balances(title: str, rows: Sequence[Balance]) -> Iterator[str]:
    cells = ((r.name, r.without, r.having, f"{r.change} ({r.note})" if r.note else r.change) for r in rows)
    return table(f"{title} | without:| with the index:| change:", cells)


def _growth(rows: Sequence[GrowthRow]) -> Iterator[str]:
    cells = (
        (row.rows, _pair(row.warm), row.gain, _pair(row.cold), _pair(row.blocks), row.index, row.build)
        for row in rows
    )
    return table("rows:| warm, without → with:| faster:| cold:| blocks:| index:| build:", cells)


def _pair(sides: tuple[str, str]) -> str:
    return sides[0] if sides[0] == sides[1] else " → ".join(sides)
