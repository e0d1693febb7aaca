"""The rooms of docs/explanation/architecture.md: what may import what, and the limits that keep files readable."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support.each import each

ROOT = Path(__file__).resolve().parent.parent
# From the ground up: a room imports only from itself and from rooms that stand earlier.
ROOMS = [
    "base",
    "config",
    "record",
    "engine",
    "trust",
    "suite",
    "judge",
    "compare",
    "formats",
    "report",
    "postgres",
    "s3",
    "websocket",
    "http",
    "faults",
    "migrations",
    "proofs",
    "ddl",
    "pipeline",
    "soak",
    "shadow",
    "duet",
    "experiment",
    "reproduce",
    "bench",
    "locust",
    "pytest_plugin",
    "guards",
    "start",
    "cli",
    "kit",
]
SUITE = ("perf", "scenarios", "slo", "reports")
PLATFORM = "reference"
DOMAIN = re.compile(
    r"tournament|wallet|deltacrown|economy|moderation|participant|match_id|match_scores|certificate_upload|cert_s3",
    re.IGNORECASE,
)
# An alias, `object` and what hides a type count as well.
UNTYPED = re.compile(r"(?:dict|Mapping|MutableMapping)\[str, (?:Any|object)\]|\bcast\(|total=False")
SPEAKING = {".py", ".toml", ".j2", ".js", ".css"}
NAMING_THE_EXAMPLE = {"example.py", "init.py", "suite_table.py"}
MOST_LINES, MOST_FILES = 300, 16


def sources(*tops: str) -> list[str]:
    found = sorted(str(path.relative_to(ROOT)) for top in tops for path in (ROOT / top).rglob("*.py"))
    assert found, f"no file is left in {tops}: what is asked of each is asked of none"
    return found


@cache
def imports_of(source: str) -> tuple[str, ...]:
    return tuple(_imports_of(source))


def _imports_of(source: str) -> Iterator[str]:
    tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def room_of(source: str) -> str:
    return source.split("/")[1].removesuffix(".py")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_below_it(room: str) -> None:
    allowed = {*ROOMS[: ROOMS.index(room) + 1]}
    of_room = [source for source in sources("tailguard") if room_of(source) == room]
    assert of_room, f"{room} is gone: take it out of ROOMS"
    for source in of_room:
        reached = {name.split(".")[1] for name in imports_of(source) if name.startswith("tailguard.")}
        assert reached <= allowed, f"{source} imports {', '.join(sorted(reached - allowed))}"


def test_every_folder_of_the_product_is_a_room() -> None:
    assert {path.name for path in (ROOT / "tailguard").iterdir() if (path / "__init__.py").exists()} <= {
        *ROOMS
    }


def test_the_product_knows_neither_the_suite_nor_its_platform() -> None:
    for source in sources("tailguard"):
        reached = {name.partition(".")[0] for name in imports_of(source)} & {*SUITE, PLATFORM}
        assert not reached, f"{source} imports {', '.join(sorted(reached))}"


def test_the_platform_knows_neither_the_product_nor_the_suite() -> None:
    for source in sources(PLATFORM):
        reached = {name.partition(".")[0] for name in imports_of(source)} & {*SUITE, "tailguard"}
        assert not reached, f"{source} imports {', '.join(sorted(reached))}"


def test_the_product_says_no_word_of_the_suites_domain() -> None:
    texts = [path for path in (ROOT / "tailguard").rglob("*") if path.suffix in SPEAKING]
    assert {path.suffix for path in texts} == SPEAKING
    for path in texts:
        if path.name not in NAMING_THE_EXAMPLE:
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                assert not DOMAIN.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def test_only_the_room_of_locust_imports_locust() -> None:
    reaching = {
        source
        for source in sources("tailguard", *SUITE, PLATFORM)
        if any(name.partition(".")[0] in {"locust", "gevent"} for name in imports_of(source))
    }
    assert {room_of(source) for source in reaching} <= {"locust"}


def test_only_those_who_judge_know_a_statistical_test() -> None:
    """Quantiles have intervals, too. scipy.stats says what scipy.special does, and takes half a second to import."""
    knowing = {
        source: names
        for source in sources("tailguard", *SUITE, PLATFORM)
        if (names := {name for name in imports_of(source) if name.partition(".")[0] == "scipy"})
    }
    assert {room_of(source) for source in knowing} == {"judge", "compare", "engine"}
    assert not [source for source, names in knowing.items() if any("stats" in name for name in names)]


def test_dictionaries_without_a_type_stay_few() -> None:
    """Where JSON's keys are not ours, and at the border of a library that gives nothing better."""
    found = [
        source
        for source in sources("tailguard", *SUITE, PLATFORM)
        for _ in UNTYPED.finditer((ROOT / source).read_text(encoding="utf-8"))
    ]
    assert len(found) < 100, Counter(found).most_common(10)


def test_a_file_is_short_or_says_why_not() -> None:
    for source in sources("tailguard", *SUITE, PLATFORM):
        text = (ROOT / source).read_text(encoding="utf-8")
        lines = len(text.splitlines())
        assert lines <= MOST_LINES or re.search(r"^# Long because ", text, re.MULTILINE), (
            f"{source}: {lines} lines"
        )


def test_a_folder_holds_what_one_can_take_in() -> None:
    folders = {Path(source).parent for source in sources("tailguard", *SUITE, PLATFORM)}
    for folder in each(folders - {Path("tailguard/cli"), Path("reference/web"), Path("reference")}):
        files = len([*(ROOT / folder).glob("*.py")])
        assert files <= MOST_FILES, f"{folder}: {files} files"


def test_a_scenario_file_has_a_name_that_no_library_has() -> None:
    """locust puts each file into sys.modules under its bare name."""
    taken = set(sys.stdlib_module_names) | set(packages_distributions())
    assert not {path.stem for path in (ROOT / "scenarios").glob("[a-z]*.py")} & taken


def test_scenarios_know_nothing_of_each_other() -> None:
    slugs = {path.stem for path in (ROOT / "scenarios").glob("[a-z]*.py")}
    assert slugs
    for slug in slugs:
        reached = {
            name.split(".")[1] for name in imports_of(f"scenarios/{slug}.py") if name.startswith("scenarios.")
        }
        assert not reached & slugs
