"""A run in Markdown, short enough for a pull request: the verdicts, the doubts, the faults, the migrations."""

from collections.abc import Iterator, Sequence

from tailguard.report.text.markdown_migration import migration_blocks
from tailguard.report.text.markdown_text import escaped, marked, table
from tailguard.report.views.chaos_view import ChaosView
from tailguard.report.views.duet_view import DuetView
from tailguard.report.views.verdict_view import Card
from tailguard.report.views.view import DoubtView, ReportView


def markdown_of(view: ReportView) -> str:
    """Return GitHub-flavoured Markdown, ending with a newline. Texts from the run are escaped."""
    return "\n\n".join(block for block in _blocks(view) if block) + "\n"


def _blocks(view: ReportView) -> Iterator[str]:
    yield f"## {marked(view.overall.state)}: {escaped(view.overall.sentence)}"
    yield escaped(view.overall.detail)
    yield f"{escaped(view.overall.compared)} {escaped(view.overall.doubtful)}"
    yield from (f"> **{title}.** {escaped(text)}" for title, text in view.warnings)
    if not (view.cards or view.migrations):
        yield "No objective was judged in this run."
    yield "\n".join(_changes(view.cards) if view.duet else _verdicts(view.cards))
    for card in view.cards:
        if card.state != "PASS" and card.why:
            yield f"**{escaped(card.scenario)} {escaped(card.objective)}**: {escaped(card.why)}"
    yield from _duet(view.duet)
    yield "\n".join(_doubts(view.doubts))
    yield from _chaos(view.chaos)
    yield from migration_blocks(view.migrations, view.proofs, view.proof_verdicts)
    yield _footer(view)


def _footer(view: ReportView) -> str:
    run = view.identity
    place = f"profile {escaped(run.profile)}, platform {escaped(run.platform)}"
    return f"Run `{run.run_id}`, {escaped(run.created)}, {place}, configuration `{run.config_sha256[:12]}`."


def _verdicts(cards: Sequence[Card]) -> Iterator[str]:
    rows = (
        (
            marked(c.state),
            c.scenario,
            c.objective,
            c.observed,
            c.interval,
            c.observed_n,
            c.counted,
            c.headroom,
        )
        for c in cards
    )
    heads = "verdict | scenario | objective | observed:| interval:| n:| exceedances:| headroom:"
    return table(heads, rows) if cards else iter(())


def _changes(cards: Sequence[Card]) -> Iterator[str]:
    rows = (
        (marked(c.state), c.scenario, c.objective, c.sides, c.observed, c.interval, c.limit, c.counted)
        for c in cards
    )
    heads = "verdict | scenario | metric | baseline → candidate:| change:| bounds:| margin:| slower pairs:"
    return table(heads, rows) if cards else iter(())


def _duet(duet: DuetView | None) -> Iterator[str]:
    if duet is None:
        return
    yield escaped(duet.unlike_medians)
    if duet.quality:
        yield f"How good this gate was: {escaped(duet.quality)}."
    if duet.discarded:
        yield f"{len(duet.discarded)} blocks were discarded; the report has their logs."


def _doubts(doubts: Sequence[DoubtView]) -> Iterator[str]:
    if doubts:
        yield "### Doubts\n"
    for doubt in doubts:
        limit = f" (limit: {escaped(doubt.limit)})" if doubt.limit else ""
        place = f"{escaped(doubt.kind)}, {escaped(doubt.scenario)}"
        yield f"- **{doubt.grade}** {place}: {escaped(doubt.measured)}{limit}. {escaped(doubt.remedy)}"


def _chaos(chaos: ChaosView | None) -> Iterator[str]:
    if chaos is None:
        return
    if chaos.rows:
        yield from _faults(chaos)
    for title, counters in chaos.counters:
        counted = ", ".join(f"{escaped(name)} {n}" for name, n in counters)
        yield f"Counters of {escaped(title)}: {counted}."


def _faults(chaos: ChaosView) -> Iterator[str]:
    """The faults that were felt, scenario by scenario; of the others the names."""
    yield "### Faults made on purpose"
    yield f"Well again: when a scenario's last failed or retried call has ended; {chaos.limit} at most are allowed."
    rows = (
        (r.fault, r.began, r.lasted, r.scenario, r.samples, r.errors, r.retried, r.recovered)
        for r in chaos.felt
    )
    heads = "fault | began:| lasted:| scenario | samples:| errors:| retried:| well again after:"
    if chaos.felt:
        yield "\n".join(table(heads, rows))
    felt = {row.fault for row in chaos.felt}
    unfelt = dict.fromkeys(row.fault for row in chaos.unfelt if row.fault not in felt)
    if unfelt:
        yield f"No call failed or was retried under: {', '.join(map(escaped, unfelt))}."
