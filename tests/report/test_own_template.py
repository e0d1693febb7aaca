"""A suite's own template of the page: it extends ours in a sandbox, and a mistake in it is named with its place."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.cli.main import run_cli
from tailguard.config.suite_table import SuiteTable
from tailguard.record.run import Run
from tailguard.report.charts.drawn import RenderedCharts
from tailguard.report.own_template import template_of
from tailguard.report.page import page_of
from tailguard.report.views.view import view_of

pytestmark = pytest.mark.system

EXTENDS = '{% extends "report.html.j2" %}\n'
NAME = "page.html.j2"


@pytest.fixture
def page(run: Run, tmp_path: Path):
    """Render the run's page with this own template."""

    def made(template: str) -> str:
        (tmp_path / NAME).write_text(template, encoding="utf-8")
        suite = SuiteTable((tmp_path / "tailguard.toml").resolve(), template=NAME)
        charts = RenderedCharts({slug: {} for slug in run.record.scenarios})
        return page_of(view_of(run.record), charts, template=template_of(suite))

    return made


def test_the_template_in_the_how_to_fills_the_page(run: Run, page) -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "report.md").read_text("utf-8")
    found = page(text.split("```jinja\n{# reports/page.html.j2 #}\n")[1].split("```")[0])
    assert '<strong class="brand">Shop team · Tailguard</strong>' in found
    assert f"Questions about {run.record.id}: the performance channel." in found
    assert "Reports are kept for 90 days." in found
    assert f"tailguard verify {run.record.id}" in found
    assert '<section id="environment"' in found


def test_what_comes_from_the_run_stays_escaped(run: Run, page) -> None:
    run.record = replace(run.record, profile="<script>alert(1)</script>")
    found = page(EXTENDS + "{% block begin %}{{ view.record.profile }}{% endblock %}")
    assert "<script>alert" not in found
    assert found.count("&lt;script&gt;alert(1)") > 1


def test_it_may_include_a_file_of_the_suites_folder_and_none_outside(page, tmp_path: Path) -> None:
    (tmp_path / "report.html.j2").write_text("of the suite", encoding="utf-8")
    found = page(EXTENDS + '{% block begin %}{% include "suite/report.html.j2" %}{% endblock %}')
    assert "of the suite" in found
    assert '<section id="environment"' in found
    with pytest.raises(UsageError, match=r"there is no template suite/\.\./secret"):
        page(EXTENDS + '{% block begin %}{% include "suite/../secret" %}{% endblock %}')


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (
            EXTENDS + "{% block begin %}\n{% if %}\n{% endblock %}",
            r"page\.html\.j2:3: .*Expected an expression",
        ),
        (
            EXTENDS + "\n{% block begin %}{{ nobody.name }}{% endblock %}",
            r"page\.html\.j2:3: .*'nobody' is undefined",
        ),
        (
            EXTENDS + "{% block begin %}{{ ''.__class__.__mro__ }}{% endblock %}",
            r"page\.html\.j2:2: .*unsafe",
        ),
        ('{% extends "nothing.html.j2" %}', r"there is no template nothing\.html\.j2"),
        ("<h1>Mine</h1>", r"must begin with \{% extends"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_next_step(page, template: str, says: str) -> None:
    with pytest.raises(UsageError, match=says + r".*`tailguard report`"):
        page(template)


@pytest.mark.parametrize("path", ["absent.html.j2", "../outside.html.j2", "."])
def test_a_path_that_is_not_a_file_of_the_suite_is_named(tmp_path: Path, path: str) -> None:
    suite = SuiteTable((tmp_path / "suite" / "tailguard.toml"), template=path)
    suite.root.mkdir()
    (tmp_path / "outside.html.j2").write_text(EXTENDS, encoding="utf-8")
    with pytest.raises(UsageError, match=r"template names .* which is not a file below"):
        template_of(suite)


def test_the_command_takes_it_from_the_suite_and_ends_with_64_for_a_mistake(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAILGUARD_CONFIG", str(tmp_path / "tailguard.toml"))
    run.samples_path.unlink()  # no charts to draw
    (tmp_path / "tailguard.toml").write_text(f'[suite]\ntemplate = "{NAME}"\n', encoding="utf-8")
    (tmp_path / NAME).write_text(EXTENDS + "{% block brand %}Ours{% endblock %}", encoding="utf-8")
    assert run_cli(["report", str(run.folder)]) == 0
    assert '<strong class="brand">Ours</strong>' in (run.folder / "report.html").read_text(encoding="utf-8")
    (tmp_path / NAME).write_text(EXTENDS + "{% block brand %}{{ }}{% endblock %}", encoding="utf-8")
    assert run_cli(["report", str(run.folder)]) == 64
    assert f"{NAME}:2: " in capsys.readouterr().err
