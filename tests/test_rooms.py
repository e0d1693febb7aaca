"""The arrows between the rooms, as docs/architecture.md draws them, and the limits that keep files readable."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"perf", "scenarios", "slo", "reports", "deltacrown", "tailguard"}
MAY_IMPORT = {
    "perf": set(),
    "deltacrown": set(),
    "scenarios": {"perf", "deltacrown"},
    "slo": {"perf"},
    "reports": {"slo", "perf"},
    "tailguard": ROOMS,
}
# The guards run the suite; what reads other tools' files and draws locust's verdicts is named where it stands.
EXCEPTIONS = {
    "slo/test_slo.py": {"scenarios"},
    "slo/conftest.py": {"scenarios"},
    "tailguard/locust/master/load_test.py": {"slo", "reports"},
}
MOST_LINES = 300


def sources() -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imports_of(source: str) -> Iterator[str]:
    tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def test_a_room_imports_only_what_its_arrows_allow() -> None:
    for source in sources():
        room, _, _ = source.partition("/")
        allowed = MAY_IMPORT[room] | EXCEPTIONS.get(source, set()) | {room}
        reached = {name.partition(".")[0] for name in imports_of(source)} & ROOMS
        assert reached <= allowed, f"{source} imports {', '.join(sorted(reached - allowed))}"


def test_only_the_bridge_imports_locust() -> None:
    reaching = {
        source
        for source in sources()
        if any(name.partition(".")[0] == "locust" for name in imports_of(source))
    }
    assert reaching <= {"tailguard/locust/bridge.py"}


def test_a_file_is_short_or_says_why_not() -> None:
    for source in sources():
        text = (ROOT / source).read_text(encoding="utf-8")
        lines = len(text.splitlines())
        assert lines <= MOST_LINES or re.search(r"^# Long because ", text, re.MULTILINE), (
            f"{source}: {lines} lines"
        )


def test_a_scenario_file_has_a_name_that_no_library_has() -> None:
    """locust puts each file into sys.modules under its bare name."""
    taken = set(sys.stdlib_module_names) | set(packages_distributions())
    assert not {path.stem for path in (ROOT / "scenarios").glob("[a-z]*.py")} & (taken - ROOMS)


def test_scenarios_know_nothing_of_each_other() -> None:
    slugs = {path.stem for path in (ROOT / "scenarios").glob("[a-z]*.py")}
    for slug in slugs:
        reached = {
            name.split(".")[1] for name in imports_of(f"scenarios/{slug}.py") if name.startswith("scenarios.")
        }
        assert not reached & slugs


def test_every_action_of_a_workflow_is_pinned_by_hash() -> None:
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        for used in re.findall(r"uses: *(\S+)", workflow.read_text(encoding="utf-8")):
            assert used.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", used), (
                f"{workflow.name}: {used}"
            )


def test_every_workflow_starts_without_permissions() -> None:
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert re.search(r"^permissions: \{\}$", workflow.read_text(encoding="utf-8"), re.MULTILINE), (
            workflow.name
        )
