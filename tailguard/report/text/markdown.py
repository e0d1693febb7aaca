"""A run in Markdown, short enough for a pull request: the verdicts, the doubts, the faults, the migrations."""

from collections.abc import Iterator, Sequence

from tailguard.base.output.escaping import as_markdown_code, for_markdown
from tailguard.base.state import State
from tailguard.compare.gate_sentences import quality_sentence
from tailguard.record.chaos import Chaos
from tailguard.record.doubt import Doubt
from tailguard.record.duet import Duet
from tailguard.record.run_record import RunRecord
from tailguard.record.shadow import Shadow
from tailguard.report.text.markdown_ddl import ddl_blocks
from tailguard.report.text.markdown_migration import migration_blocks
from tailguard.report.text.markdown_text import marked, table
from tailguard.report.views import numbers
from tailguard.report.views.card import Card
from tailguard.report.views.chaos_view import FaultEffect, effects_of
from tailguard.report.views.duet_view import changes_of, unlike_medians
from tailguard.report.views.kinds.shadow_view import listed
from tailguard.report.views.view import ReportView


def markdown_of(view: ReportView) -> str:
    """Return GitHub-flavoured Markdown, ending with a newline. Texts from the run are escaped."""
    return "\n\n".join(block for block in _blocks(view) if block) + "\n"


def _blocks(view: ReportView) -> Iterator[str]:
    record, overall = view.record, view.overall
    yield f"## {marked(overall.state)}: {for_markdown(overall.sentence)}"
    yield for_markdown(overall.detail)
    yield f"{for_markdown(overall.compared)} {for_markdown(overall.doubtful)}"
    yield from (f"> **{title}.** {for_markdown(text)}" for title, text in view.warnings)
    if not record.verdicts:
        yield "No objective was judged in this run."
    yield "\n".join(_changes(view.cards) if record.duet else _verdicts(view.cards))
    for card in view.cards:
        if card.verdict.state is not State.PASS and card.verdict.why:
            yield f"**{for_markdown(card.place)} {for_markdown(card.name)}**: {for_markdown(card.verdict.why)}"
    if record.duet:
        yield for_markdown(unlike_medians(changes_of(record)))
        yield from _duet(record.duet)
    if record.shadow:
        yield "\n".join(_differences(record.shadow))
    yield "\n".join(_doubts(view.doubts))
    if record.chaos:
        yield from _faults(record.chaos)
    yield from _counters(record)
    yield from migration_blocks(view.migrations, view.questions)
    if record.ddl is not None:
        yield from ddl_blocks(record, record.ddl)
    yield _footer(view)


def _footer(view: ReportView) -> str:
    record = view.record
    place = f"profile {for_markdown(record.profile)}, platform {for_markdown(record.platform.adapter)}"
    return f"Run {as_markdown_code(record.id)}, {view.created}, {place}, configuration `{record.config_sha256[:12]}`."


def _verdicts(cards: Sequence[Card]) -> Iterator[str]:
    rows = (
        (
            marked(c.verdict.state),
            c.place,
            c.name,
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
        (marked(c.verdict.state), c.place, c.name, c.sides, c.observed, c.interval, c.limit, c.counted)
        for c in cards
    )
    heads = "verdict | scenario | metric | baseline → candidate:| change:| bounds:| margin:| slower pairs:"
    return table(heads, rows) if cards else iter(())


def _duet(duet: Duet) -> Iterator[str]:
    if duet.quality is not None:
        yield f"How good this gate was: {for_markdown(quality_sentence(duet.quality))}."
    if duet.discarded:
        yield f"{len(duet.discarded)} blocks were discarded; the report has their logs."


def _differences(shadow: Shadow) -> Iterator[str]:
    rows = ((marked(state), *cells) for state, cells in listed(shadow))
    heads = "verdict | field | primary → candidate | differing:"
    return table(heads, rows) if shadow.differences else iter(())


def _doubts(doubts: Sequence[Doubt]) -> Iterator[str]:
    if doubts:
        yield "### Doubts\n"
    for doubt in doubts:
        limit = f" (limit: {for_markdown(doubt.limit)})" if doubt.limit else ""
        place = f"{for_markdown(doubt.title)}, {for_markdown(doubt.scenario or 'whole run')}"
        yield f"- **{doubt.grade}** {place}: {for_markdown(doubt.measured)}{limit}. {for_markdown(doubt.remedy)}"


def _counters(record: RunRecord) -> Iterator[str]:
    for entry in record.scenarios.values():
        if entry.counters:
            counted = ", ".join(
                f"{for_markdown(name)} {numbers.count(n)}" for name, n in entry.counters.items()
            )
            yield f"Counters of {for_markdown(entry.title)}: {counted}."


def _faults(chaos: Chaos) -> Iterator[str]:
    """The faults that had an effect, scenario by scenario; of the others the names."""
    effects = effects_of(chaos)
    if not effects:
        return
    yield "### Faults injected on purpose"
    limit = numbers.seconds(chaos.recover_s)
    yield f"A scenario has recovered when its last failed or retried call has ended; {limit} at most are allowed."
    felt = [effect for effect in effects if effect.felt]
    heads = "fault | began:| lasted:| scenario | samples:| errors:| retried:| recovered after:"
    if felt:
        yield "\n".join(table(heads, map(_fault, felt)))
    names = {effect.recovery.label for effect in felt}
    unfelt = dict.fromkeys(effect.recovery.label for effect in effects if effect.recovery.label not in names)
    if unfelt:
        yield f"No call failed or was retried during: {', '.join(map(for_markdown, unfelt))}."


def _fault(effect: FaultEffect) -> tuple[str, ...]:
    found = effect.recovery
    return (
        found.label,
        numbers.seconds(effect.began_s),
        numbers.seconds(effect.lasted_s),
        found.scenario,
        numbers.count(found.samples),
        numbers.count(found.errors),
        numbers.count(found.retried),
        numbers.seconds(found.recovered_s),
    )
