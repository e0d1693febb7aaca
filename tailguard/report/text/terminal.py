"""A run on the terminal, in k6's order: the verdicts first, then the doubts, what was measured, the migrations."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tailguard.report.views.verdict_view import Card
from tailguard.report.views.view import ReportView

_STYLES = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "INVALID": "magenta"}
_MARKS = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?", "INVALID": "!"}
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


def print_summary(view: ReportView, console: Console) -> None:
    """Print the summary. Colour follows the console (NO_COLOR, a pipe); every state is a word as well."""
    console.print(
        _text(console, f"{view.overall.sentence} {view.overall.detail}".strip(), view.overall.state)
    )
    console.print(_text(console, f"{view.overall.compared} {view.overall.doubtful}"))
    for title, text in view.warnings:
        console.print(_text(console, f"{title}. {text}", style="bold yellow"))
    _print_table(console, "VERDICTS", ((card.state, _verdict(card)) for card in view.cards))
    _print_reasons(console, ((c.state, f"{c.scenario} {c.objective}", c.why) for c in view.cards))
    if view.duet and view.duet.unlike_medians:
        console.print(_text(console, view.duet.unlike_medians))
    _print_table(
        console,
        "DOUBTS",
        (("", (d.grade, d.kind, d.scenario, d.measured, d.remedy)) for d in view.doubts),
    )
    _print_table(console, "MEASURED", _measured(view))
    _print_table(
        console,
        "MIGRATIONS",
        (
            (m.state, (m.number, row.name, f"{row.before} → {row.after}", row.change))
            for m in view.migrations
            for row in m.rows
        ),
    )
    _print_reasons(console, ((m.state, f"{m.number} {m.slug}", m.why) for m in view.migrations))


def _verdict(card: Card) -> tuple[str, ...]:
    name = f"{card.scenario} {card.objective}"
    counted = f"{card.counted} {card.counted_as}" if card.counted else ""
    n = f", n = {card.observed_n}" if card.observed_n else ""
    interval = f"[{card.interval}]{n}" if card.interval else ""
    return (name, card.observed, interval, counted, card.headroom or card.sides)


def _measured(view: ReportView) -> Iterable[tuple[str, tuple[str, ...]]]:
    for scenario in view.scenarios:
        for step in scenario.steps:
            quantiles = ", ".join(f"{row.name} {row.response}" for row in step.quantiles)
            counts = ", ".join(f"{n} {name}" for name, n in step.counts if n != "0")
            yield "", (f"{scenario.slug} {step.name}", quantiles, counts)


def _print_table(console: Console, title: str, rows: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    for state, cells in rows:
        table.add_row(_text(console, _marked(state), state), *(_text(console, cell) for cell in cells))
    if table.row_count:
        console.print()
        console.print(Text(title, style="bold"))
        console.print(table)


def _print_reasons(console: Console, rows: Iterable[tuple[str, str, str]]) -> None:
    for state, name, why in rows:
        if state != "PASS" and why:
            console.print(_text(console, f"  {name}: {why}", style="dim"))


def _marked(state: str) -> str:
    return f"{_MARKS.get(state, '!')} {state}" if state else ""


def _text(console: Console, text: str, state: str = "", style: str = "") -> Text:
    """Text that is never taken for markup."""
    utf = console.encoding.lower().startswith("utf")
    shown = text if utf else text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")
    return Text(shown, style=style or _STYLES.get(state, ""))
