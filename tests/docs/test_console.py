"""Every console block of the tutorial and the how-to guides, typed into an empty folder as it stands."""

import re
from pathlib import Path

import pytest

from tests.docs.page import DOCS, ROOT, Console, ShownFile, blocks, with_console
from tests.docs.reader import Reader, asks_here
from tests.docs.test_how_to import NEEDS

pytestmark = pytest.mark.proof
# The examples of this guide make one file, as tests/pytest_plugin/test_how_to.py has them.
ONE_FILE = {"how-to/pytest": "test_shop.py"}
# Compares with a commit for five minutes: tests/pytest_plugin/test_compare.py tries that.
COMPARES = "tests/test_price.py"
# These guides go on from DeltaCrown's suite.
WITH_EXAMPLE = {"how-to/experiment", "how-to/platform-adapter"}
# This one reads a run that its reader has made.
WITH_RUN = {"how-to/report"}
BREACHED = 99
# What these take for granted - runs of a suite, a recording - is made in tests of their own.
TRIED_IN = {
    "how-to/bisect": "duet/test_bisecting.py",
    "how-to/configuration": "cli/test_config_edits.py",
    "how-to/import": "start/test_import.py",
}


def name_of(page: Path) -> str:
    return str(page.relative_to(DOCS).with_suffix(""))


GUIDES = [page for page in with_console() if page != ROOT / "README.md" and name_of(page) not in TRIED_IN]


def test_the_tests_of_the_other_guides_are_there() -> None:
    assert [file for file in TRIED_IN.values() if not (ROOT / "tests" / file).exists()] == []


def prepare(page: Path, reader: Reader) -> None:
    """Put into the folder what the page takes for granted."""
    name = name_of(page)
    for package in NEEDS.get(page.stem, ()):
        pytest.importorskip(package)
    if name in WITH_EXAMPLE:
        reader.types("tailguard init --example deltacrown .")
    if name in WITH_RUN:
        reader.types("tailguard bench true")
    if name in ONE_FILE:
        examples = re.findall(r"```python\n(?!# tests)(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        reader.writes(ShownFile(ONE_FILE[name], "\n\n".join(examples)))
    if asks_here([each for block in blocks(page) if isinstance(block, Console) for each in block.commands]):
        reader.serves_the_shop()


def test_the_duet_of_the_guide_for_pytest_benchmark_finds_a_slower_function(reader: Reader) -> None:
    shown = [*blocks(DOCS / "how-to" / "from" / "pytest-benchmark.md")]
    for block in shown:
        if isinstance(block, ShownFile):
            reader.writes(block)
    reader.publishes()
    changed = reader.folder / "test_total.py"
    text = changed.read_text(encoding="utf-8")
    assert text.count("return ") == 1
    changed.write_text(text.replace("return ", "sorted(prices * 20)\n    return "), encoding="utf-8")
    [duet] = [
        command
        for block in shown
        if isinstance(block, Console)
        for command in block.commands
        if "duet" in command
    ]
    reader.instead.clear()  # as long as it takes
    reader.types(f"{duet} --minutes 4", ends={BREACHED})


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_every_command_of_a_guide_works_as_it_stands(
    page: Path, reader: Reader, request: pytest.FixtureRequest
) -> None:
    prepare(page, reader)
    if page.stem == "redis-queue":
        request.getfixturevalue("redis_server")
    for block in blocks(page):
        if not (isinstance(block, ShownFile) and block.name == COMPARES):
            reader.follows(block)
