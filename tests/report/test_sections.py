"""A suite's own sections of the report: named in its tailguard.toml, given a record, shown in the page."""

from pathlib import Path

import pytest
from markupsafe import Markup
from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.config.suite_table import SuiteTable
from tailguard.record.run import Run
from tailguard.report.report import rendered
from tailguard.report.sections import Section, sections_of

pytestmark = pytest.mark.system


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make a suite whose module has this source; its report names `spec`."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def made(module: str, source: str, function: str) -> SuiteTable:
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        return SuiteTable(tmp_path / "tailguard.toml", report=(f"{module}:{function}",))

    return made


def test_a_section_is_given_the_record_and_stands_before_the_environment(run: Run, suite) -> None:
    source = "from markupsafe import Markup\ndef own(record):\n    return Markup('<h2>Own of %s</h2>') % record.id\n"
    page = rendered(run, "html", sections_of(suite("own_section", source, "own")))
    assert f"<h2>Own of {run.record.id}</h2>" in page
    assert page.index("Own of") < page.index('<section id="environment"')


def test_the_section_in_the_how_to_is_one(run: Run, suite) -> None:
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "report.md").read_text("utf-8")
    source = text.split("```python\n# reports/budget.py\n")[1].split("```")[0]
    page = rendered(run, "html", sections_of(suite("budget", source, "section")))
    errors = sum(entry.counts.error for entry in run.record.scenarios.values())
    assert f"<p>{errors} of 20 failures were used.</p>" in page


def test_a_section_that_returns_plain_text_is_escaped(run: Run) -> None:
    page = rendered(run, "html", [Section("own:text", lambda record: "<script>alert(1)</script>")])
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_secret_of_the_record_does_not_reach_a_section(run: Run) -> None:
    seen: list[str] = []
    run.record = replace(run.record, command=("run", "--dsn", "postgresql://me:hunter2pw@db/prod"))
    rendered(run, "html", [Section("own:text", lambda record: seen.extend(record.command) or Markup(""))])
    assert seen
    assert not any("hunter2pw" in word for word in seen)


def test_a_section_that_raises_is_named_with_the_next_step(run: Run) -> None:
    def own(record: object) -> Markup:
        raise ValueError("no such table")

    with pytest.raises(
        UsageError, match=r"section own:own raised ValueError: no such table.*tailguard report"
    ):
        rendered(run, "html", [Section("own:own", own)])


def test_short_memory_is_not_the_sections_mistake(run: Run) -> None:
    def greedy(_: object) -> str:
        raise MemoryError

    with pytest.raises(UsageError, match=r"memory is short.*`tailguard report` writes its report again"):
        rendered(run, "html", [Section("own:own", greedy)])


def test_a_section_that_is_not_a_function_is_named(suite) -> None:
    with pytest.raises(UsageError, match="own_value:value, which is not a function but 5"):
        sections_of(suite("own_value", "value = 5\n", "value"))


def test_a_folder_without_a_suite_has_no_sections() -> None:
    assert sections_of(None) == ()
