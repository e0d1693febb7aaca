"""Each rule of `migrate lint` has a file, a page and an example, and the example breaks it."""

import pytest

from tailguard.migrations.lint.check import lint_folder
from tailguard.migrations.lint.rule import Rule
from tailguard.migrations.lint.rules import MODULES, RULES
from tests.migrations.rule_pages import FOLDER, pages

EACH = pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.name) for rule in RULES])


def write(folder, files):
    for name, text in files.items():
        (folder / name).write_bytes(text.encode(errors="surrogateescape"))
    return folder


def test_a_rule_has_the_name_of_its_file():
    assert [module.__name__.rpartition(".")[2].replace("_", "-") for module in MODULES] == [
        rule.name for rule in RULES
    ]


@EACH
def test_the_example_breaks_the_rule_and_the_other_one_breaks_none(rule: Rule, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "good").mkdir()
    found = lint_folder(write(tmp_path / "bad", rule.example.bad))
    assert rule.severity in {one.severity for one in found if one.rule == rule.name}
    good = lint_folder(write(tmp_path / "good", rule.example.good))
    # The second migration of `number` needs no query to have a number.
    assert [one.rule for one in good if one.severity == "error"] == []


def test_every_page_is_what_its_rule_says():
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages(), "run `python -m tests.migrations.rule_pages`"
