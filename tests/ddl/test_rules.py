"""The examples of the rules of `migrate lint`, proved: what breaks a rule is caught, what keeps it is not."""

import shutil

import pytest

from tailguard.base.errors import UsageError
from tailguard.cli.main import run_cli
from tailguard.migrations.lint.rule import INDEX, Rule
from tailguard.migrations.lint.rules import RULES
from tailguard.migrations.migration import find_migration, read_folder
from tailguard.migrations.text.script import read_blocks
from tests.ddl.matrix import WORLD, answers, failed, proved_blocks, set_up
from tests.migrations.test_rules import write

pytestmark = pytest.mark.proof
FILES, FOLDERS = (
    [pytest.param(rule, id=rule.name) for rule in RULES if (rule.example.shown == "cannot be used") is unused]
    for unused in (False, True)
)
CAUGHT = {
    "stalls": "longest wait of writers",
    "leaves an INVALID index": "nothing left behind",
    "is refused by PostgreSQL": "SQLSTATE 25001",
}


def told(world, folder, files) -> set[str]:
    """What is FAIL of the one file, or why PostgreSQL refuses it."""
    (name,) = write(folder, files) and files
    try:
        found = proved_blocks(world, read_blocks(folder / name))
    except UsageError as error:
        return {str(error)}
    assert not [name for name, each in answers(found).items() if each.state == "INVALID"]
    return {*failed(found)}


@pytest.mark.parametrize("rule", FILES)
def test_a_file_that_breaks_the_rule_is_caught_and_one_that_keeps_it_is_not(
    seeded_world, rule: Rule, tmp_path
):
    with seeded_world.fork() as world:
        set_up(world, rule.example.setup)
        caught = told(world, tmp_path, rule.example.bad)
    assert any(CAUGHT[rule.example.shown] in each for each in caught), caught
    with seeded_world.fork() as world:
        assert told(world, tmp_path, rule.example.good) == set()


@pytest.mark.parametrize("rule", FOLDERS)
def test_a_folder_that_breaks_the_rule_cannot_be_proved_and_one_that_keeps_it_can(
    rule: Rule, tmp_path, capsys
):
    (tmp_path / "bad").mkdir()
    (tmp_path / "good").mkdir()
    write(tmp_path / "bad", rule.example.bad)
    assert run_cli(["migrate", "prove", "0001", "--folder", str(tmp_path / "bad")]) == 64
    assert "0001" in capsys.readouterr().err
    good = read_folder(write(tmp_path / "good", rule.example.good))
    assert good.bad == ()
    assert find_migration(good, "0001").up == INDEX["0001_orders_code.up.sql"].strip().rstrip(";")


def test_the_migration_that_keeps_every_rule_is_proved(tmp_path):
    folder = write(tmp_path, INDEX)
    (folder / "seed").mkdir()
    shutil.copy(WORLD, folder / "seed")
    arguments = ["--folder", str(folder), "--rows", "5000", "--runs-dir", str(tmp_path / "runs")]
    assert run_cli(["migrate", "prove", "0001", *arguments]) == 0
