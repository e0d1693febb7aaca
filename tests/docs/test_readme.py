"""Every console block of the README, typed as it stands: first beside a service, then in DeltaCrown's suite."""

import re
import subprocess
from pathlib import Path

import pytest

from reference.database import create_tables
from tests.docs.page import DOCS, ROOT, Console, ShownFile, blocks
from tests.docs.reader import Reader

README = ROOT / "README.md"
SHOP = (Path(__file__).with_name("shop.py")).read_text(encoding="utf-8")
# These are for a clone; their recipes are the same commands, and what `make test` tests is tested.
MAKE = re.compile(r"^make (\w+)")
DATABASE = r"postgresql://me@db\.example/app"
MIGRATIONS = "tailguard migrate"


def commands() -> list[str]:
    return [each for block in blocks(README) if isinstance(block, Console) for each in block.commands]


def test_each_target_that_the_readme_makes_is_there() -> None:
    targets = [found[1] for each in commands() if (found := MAKE.match(each))]
    assert len(targets) >= 2
    for target in targets:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.proof
def test_what_the_readme_says_of_your_own_service_works(reader: Reader) -> None:
    reader.writes(ShownFile("shop.py", SHOP))
    (reader.folder / "latencies.csv").write_text("latency_ms\n" + "20\n" * 3000, encoding="utf-8")
    reader.serves_the_shop()
    for block in blocks(README):
        if isinstance(block, ShownFile):
            reader.writes(block)
            continue
        for command in block.commands:
            if command.startswith((MIGRATIONS, "make ")):
                return
            reader.types(command)
    pytest.fail(f"the README names no {MIGRATIONS}")


@pytest.mark.proof
def test_what_the_readme_says_of_the_example_works(
    reader: Reader, own_database, s3_server, tmp_path: Path
) -> None:
    yours = own_database("readme")
    create_tables(yours)
    reader.instead |= {DATABASE: f"'{yours}'", r"https://s3\.example": s3_server.endpoint}
    reader.environ |= {
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
    }
    every = commands()
    [begin] = [each for each in every if each.startswith("tailguard init --example")]
    reader.types(begin)
    reader.folder = reader.folder / "tour"
    for block in blocks(DOCS / "how-to" / "platform-adapter.md"):
        if isinstance(block, ShownFile):
            reader.writes(block)
    migrations = [each for each in every if each.startswith(MIGRATIONS)]
    assert len(migrations) == 4
    reader.writes(ShownFile("change.sql", "ALTER TABLE accounts_user ADD COLUMN note text;\n"))
    for command in [*every[every.index(begin) + 1 :], *migrations]:
        if command == "tailguard serve":
            reader.starts(f"{command} --port {reader.port}")
        else:
            reader.types(command)
