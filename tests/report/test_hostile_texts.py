"""A stranger's texts in every field of a record: each output shows them as text, and its reader obeys none."""

import csv
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import yaml
from markdown_it import MarkdownIt
from msgspec.structs import replace
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tailguard.base.output.console import PlainConsole
from tailguard.cli.main import run_cli
from tailguard.pytest_plugin.messages import failure_message, migration_answer, migration_message
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.charts.charts import figures_of
from tailguard.report.charts.downsampling import Step
from tailguard.report.charts.over_time.fault_bands import Band
from tailguard.report.charts.over_time.windows import Windows
from tailguard.report.charts.rendered_charts import _draw
from tailguard.report.charts.small_chart import small_chart
from tailguard.report.charts.style import Limit
from tailguard.report.export_formats import FORMATS, exported
from tailguard.report.exports.production import promises
from tailguard.report.report import rendered
from tailguard.report.text.terminal import print_summary
from tailguard.report.views.view import view_of
from tests.support.hostile import HOSTILE, STRANGE, VARIANTS, hostile_run

MARKDOWN = {
    "h2",
    "h3",
    "p",
    "strong",
    "code",
    "blockquote",
    "ul",
    "li",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}
OURS = re.compile(r"\x1b\[[\d;]*m")  # colours


@pytest.fixture(scope="module", params=range(VARIANTS))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return hostile_run(tmp_path_factory.mktemp("runs") / "run", request.param)


def assert_only_text(shown: str) -> None:
    assert not set(STRANGE) & set(shown)
    assert not re.search(r"\r(?!\n)", shown)


def assert_obeyed_by_no_runner(shown: str) -> None:
    assert_only_text(shown)
    assert not re.search(r"^\s*::|##\[", shown, re.MULTILINE)


class Elements(HTMLParser):
    """The elements of a page and all its attributes; texts are left out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def assert_harmless(self) -> None:
        assert "img" not in self.names
        for name, value in self.attributes:
            assert not name.startswith("on"), name
            assert name not in {"href", "src"} or value.startswith("#"), value


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_the_summary_on_a_terminal(made: Run, terminal: bool) -> None:
    file = io.StringIO()
    print_summary(view_of(made.record), PlainConsole(file=file, width=200, force_terminal=terminal))
    shown = OURS.sub("", file.getvalue())
    assert_obeyed_by_no_runner(shown)
    assert "[red]red" in shown


@pytest.mark.parametrize(
    "words", [["gate"], ["gate", "--json"], ["verify"], ["verify", "--json"]], ids=" ".join
)
def test_what_a_command_prints(made: Run, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    where = [str(made.folder)] * (2 if words[0] == "gate" else 1)
    assert run_cli([words[0], *where, *words[1:]]) in {64, 65, 75}
    shown = capsys.readouterr()
    assert_obeyed_by_no_runner(shown.out + shown.err)
    if "--json" in words and shown.out:
        json.loads(shown.out)


def test_what_a_guard_says_in_pytest(made: Run) -> None:
    record = made.record
    judged = [each for each in record.verdicts if isinstance(each, ObjectiveVerdict)]
    said = [failure_message(each, made.folder) for each in judged]
    said += [
        migration_message(migration_answer(record, each.name), made.folder) for each in record.migrations
    ]
    assert len(said) > 1
    assert_obeyed_by_no_runner("\n".join(said))


@pytest.mark.system
def test_a_history_and_its_page(made: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    Run(tmp_path / "run", replace(made.record, duet=None, ended=Ended.COMPLETE)).save()
    page = tmp_path / "history.html"
    assert run_cli(["history", "--runs-dir", str(tmp_path), "--html", str(page)]) == 0
    shown = capsys.readouterr().out
    assert_obeyed_by_no_runner(shown)
    assert "[red]red" in shown
    assert_only_text(page.read_text(encoding="utf-8"))
    Elements(page.read_text(encoding="utf-8")).assert_harmless()


@pytest.mark.system
def test_the_report(made: Run) -> None:
    page = rendered(made, "html")
    assert_only_text(page)
    found = Elements(page)
    found.assert_harmless()
    assert found.names.count("script") == Elements(page.replace("<script>alert", "")).names.count("script")


@pytest.mark.parametrize("name", ["run.md", "github-summary", "github-comment"])
def test_markdown(made: Run, name: str) -> None:
    text = rendered(made, "md") if name == "run.md" else next(iter(exported(made, name).values()))
    assert_obeyed_by_no_runner(text)
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    found = Elements(page)
    found.assert_harmless()
    assert set(found.names) <= MARKDOWN
    assert not re.search(r"@octocat|#12|://|\bwww\.|@evil", re.sub("<code>.*?</code>", "", page))
    assert "alert(1)" in page, "it is shown"


def test_annotations(made: Run) -> None:
    text = exported(made, "github-annotations")["annotations.txt"]
    assert_only_text(text)
    other = [line for line in text.splitlines() if not re.match(r"::(?:error|warning) title=[^:,]*::", line)]
    assert other == []


def test_csv(made: Run) -> None:
    text = exported(made, "csv")["metrics.csv"]
    assert_only_text(text)
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert any("alert(1)" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]


def texts_in(part: object) -> Iterator[str]:
    match part:
        case str():
            yield part
        case list():
            for each in part:
                yield from texts_in(each)
        case dict():
            yield from texts_in([*part.values()])


@pytest.mark.parametrize("name", ["openslo", "prometheus", "sloth"])
def test_yaml(made: Run, name: str) -> None:
    text = next(iter(exported(made, name).values()))
    assert_only_text(text)
    queries = [each for each in texts_in([*yaml.safe_load_all(text)]) if "sum(" in each]
    assert queries or not [*promises(made)]
    for query in queries:
        assert "alert" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", query), "no label ends early"


def test_prometheus_and_sloth_fill_in_no_braces_of_others(made: Run) -> None:
    rules, sloth = (next(iter(exported(made, name).values())) for name in ("prometheus", "sloth"))
    templates = [each for each in texts_in(yaml.safe_load(rules)) if "burns" in each]
    templates += [each for each in texts_in(yaml.safe_load(sloth)) if "rate(" in each]
    assert templates or not [*promises(made)]
    assert not [each for each in templates if "{{7" in each]


def test_every_export_can_be_read_back(made: Run) -> None:
    for name in FORMATS:
        for file, text in exported(made, name).items():
            assert_only_text(text)
            match file.rpartition(".")[2]:
                case "json":
                    json.loads(text)
                case "xml":
                    ET.fromstring(text)
                case "openmetrics":
                    list(text_string_to_metric_families(text))


@pytest.mark.system
def test_a_chart_is_drawn_and_its_process_lives() -> None:
    times = np.linspace(1, 9, 50)
    step = Step(HOSTILE, times, times, times, times[:0], times[:0], 9.0)
    windows = Windows(times[:-1], times[1:], np.zeros(49, np.int64))
    figures = figures_of(step, [Limit(0.5, 5.0, HOSTILE)], 20, windows, [Band(HOSTILE, 2.0, 4.0)])
    drawn = (_draw(figure).svg for figure in figures if figure.spec)
    for picture in [*drawn, small_chart(step, [Limit(0.5, 5.0, HOSTILE)])]:
        ET.fromstring(picture)
        assert_only_text(picture)
