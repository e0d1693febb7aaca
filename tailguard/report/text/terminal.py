"""A run on the terminal: what was measured, migrations, doubts, then the verdicts and what follows from them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from tailguard.base.output.console import UNFOLDED, PlainConsole, plain
from tailguard.base.state import State
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.run_record import RunRecord
from tailguard.report.views import numbers
from tailguard.report.views.card import Card, Judged
from tailguard.report.views.duet_view import changes_of, unlike_medians
from tailguard.report.views.kinds.shadow_view import listed
from tailguard.report.views.kinds.soak_view import leaders_of, measured_of
from tailguard.report.views.proof.migration_view import MigrationView, rows_of
from tailguard.report.views.scenario_view import counts_of, recorded_of
from tailguard.report.views.view import ReportView

if TYPE_CHECKING:
    from rich.text import Text  # noqa: TID251  # the type alone

_STYLES = {State.PASS: "green", State.FAIL: "red", State.INCONCLUSIVE: "yellow", State.INVALID: "magenta"}
_MARKS = {State.PASS: "✓", State.FAIL: "✗", State.INCONCLUSIVE: "~", State.INVALID: "!"}
# The commonest errors and refusals of a scenario; the report has all.
MOST_KINDS = 3
# What a terminal without UTF-8 can show.
_PLAIN = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "≤": "<=",
        "≥": ">=",
        "\N{MULTIPLICATION SIGN}": "x",
        "µ": "u",
        "→": "->",
        "—": "-",
        "\N{MINUS SIGN}": "-",
        "τ": "tau",
    }
)


def print_summary(view: ReportView, console: PlainConsole) -> None:
    """Print the summary with the most important lines last, where readers of a terminal or a log look first.

    Colour follows the console (NO_COLOR, FORCE_COLOR, a pipe); every state is a word as well.
    """
    record, overall = view.record, view.overall
    _print_table(console, "MEASURED", ((None, cells) for cells in _measured(record)))
    if record.soak is not None:
        _print_table(console, "LEADERS", ((None, cells) for cells in leaders_of(record.soak)))
        refused = record.soak.found.refused if record.soak.found else ()
        _print_table(console, "REFUSED SEGMENTS", ((None, (each.file, each.why)) for each in refused))
    if record.shadow is not None:
        _print_table(console, "DIFFERENCES", reversed([*listed(record.shadow)]))
    _print_table(console, "REFUSALS", ((None, cells) for cells in _kinds(record, "refusals")))
    _print_table(console, "ERRORS", ((None, cells) for cells in _kinds(record, "errors")))
    _print_table(
        console, "MIGRATIONS", ((m.state, cells) for m in view.migrations for cells in _migration(m))
    )
    unproven = (each for each in view.migrations if each.state is not State.PASS)
    _print_reasons(console, ((f"{each.entry.number} {each.entry.slug}", each.why) for each in unproven))
    _print_table(console, "DOUBTS", ((None, _doubt(each)) for each in reversed(view.doubts)))
    if unlike := unlike_medians(changes_of(record)):
        console.print(_text(console, unlike))
    _print_verdicts(console, (*reversed(view.met), *reversed(view.unmet)), view.doubts)
    console.print()
    for title, text in view.warnings:
        console.print(_text(console, f"{title}. {text}", style="bold yellow"))
    console.print(_text(console, f"{overall.compared} {overall.doubtful}"))
    style = _STYLES[overall.state]
    console.print(
        _text(console, f"{overall.state}: {overall.sentence} {overall.detail}".strip(), style=style)
    )


def _doubt(doubt: Doubt) -> tuple[str, ...]:
    limit = f" (limit {doubt.limit})" if doubt.grade is Grade.GRAVE else ""
    return (
        f"{doubt.grade}: {doubt.title}",
        doubt.scenario or "whole run",
        doubt.measured + limit,
        doubt.remedy,
    )


def _why(verdict: Judged, doubts: Sequence[Doubt]) -> str:
    """Return the reason of a verdict; a grave doubt, which may be that of all, has only its name here."""
    why = "" if verdict.state is State.PASS else verdict.why
    for doubt in doubts:
        why = why.replace(doubt.sentence, f"{doubt.title} (see DOUBTS)")
    return why


def _print_verdicts(console: PlainConsole, cards: Sequence[Card], doubts: Sequence[Doubt]) -> None:
    """Print a table, the worst last; where no line is folded, one line per verdict, which a search finds whole."""
    if console.width < UNFOLDED:
        _print_table(console, "VERDICTS", ((card.verdict.state, _verdict(card)) for card in cards))
        _print_reasons(console, ((f"{each.place} {each.name}", _why(each.verdict, doubts)) for each in cards))
        return
    if cards:
        console.print()
    for card in cards:
        name, observed, *more = _verdict(card)
        told = ", ".join(each for each in more if each)
        why = _why(card.verdict, doubts)
        line = f" {name}: {' '.join(each for each in (observed, told) if each)}{f': {why}' if why else ''}"
        state = card.verdict.state
        console.print(_text(console, str(state), _STYLES[state]) + _text(console, line))


def _verdict(card: Card) -> tuple[str, ...]:
    counted = f"{card.counted} {card.counted_as}" if card.counted else ""
    n = f", n = {card.observed_n}" if card.observed_n else ""
    interval = f"[{card.interval}]{n}" if card.interval else ""
    headroom = (
        f"headroom {card.headroom}" if card.headroom.endswith("\N{MULTIPLICATION SIGN}") else card.headroom
    )
    return (f"{card.place} {card.name}", card.observed, interval, counted, headroom or card.sides)


def _measured(record: RunRecord) -> Iterator[tuple[str, ...]]:
    if record.soak is not None and record.soak.found is not None:
        yield from measured_of(record.soak.found)
    for slug, entry in record.scenarios.items():
        for name, step in entry.steps.items():
            found = step.response_ms
            quantiles = (("p50", found.p50.value), ("p95", found.p95.value), ("p99", found.p99.value))
            times = ", ".join(f"{q} {numbers.ms(value)}" for q, value in (*quantiles, ("max", found.max)))
            counts = ", ".join(f"{n} {outcome}" for outcome, n in counts_of(step) if n != "0")
            yield f"{slug} {name}", times, counts
        for name, metric in entry.metrics.items():
            yield f"{slug} {name}", recorded_of(metric), f"{numbers.count(metric.n)} recorded"


def _kinds(record: RunRecord, outcome: Literal["errors", "refusals"]) -> Iterator[tuple[str, ...]]:
    for slug, entry in record.scenarios.items():
        kinds = entry.errors if outcome == "errors" else entry.refusals
        for kind, count in list(kinds.items())[:MOST_KINDS]:
            yield slug, numbers.count(count), kind, entry.said.get(kind, "")


def _migration(migration: MigrationView) -> Iterator[tuple[str, ...]]:
    for row in rows_of(migration.entry):
        yield f"{migration.entry.number} {row.name}", f"{row.before} → {row.after}", row.change


def _print_table(
    console: PlainConsole, title: str, rows: Iterable[tuple[State | None, tuple[str, ...]]]
) -> None:
    """Print rows below each other; where they do not fit, each name on a line of its own, for it must be whole."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    apart: list[Text] = []
    for state, cells in rows:
        mark = plain("") if state is None else _text(console, f"{_MARKS[state]} {state}", _STYLES[state])
        name, *more = (_text(console, cell) for cell in cells)
        table.add_row(mark, name, *more)
        apart.append(plain(" ").join([mark, name]) if mark else name)
        if any(more):
            apart.append(plain("    ") + plain("  ").join(each for each in more if each))
    if table.row_count:
        console.print()
        console.print(plain(title, "bold"))
        wanted = console.measure(table, options=console.options.update_width(UNFOLDED)).maximum
        for shown in [table] if wanted <= console.width else apart:
            console.print(shown)


def _print_reasons(console: PlainConsole, rows: Iterable[tuple[str, str]]) -> None:
    for name, why in rows:
        if why:
            console.print(_text(console, f"  {name}: {why}", style="dim"))


def _text(console: PlainConsole, text: str, style: str = "") -> "Text":
    """The text in letters that the terminal has."""
    utf = console.encoding.lower().startswith("utf")
    shown = text if utf else text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")
    return plain(shown, style)
