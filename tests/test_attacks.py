"""attacks.md says which test holds each attack that once succeeded: all of them are there."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def rows() -> Iterator[tuple[int, list[str]]]:
    """Yield each attack's number and the tests that are named for it."""
    for line in (FOLDER / "attacks.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| #"):
            number, _, tests = line.replace(r"\|", "").strip("| ").split(" | ")
            yield int(number), tests.split(", ")


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((FOLDER / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_attack_names_tests_that_exist() -> None:
    numbers = []
    for number, named in rows():
        numbers.append(number)
        for test in named:
            file, _, name = test.partition("::")
            assert name in names_in(file), f"attack {number}: there is no {test}"
    assert len(numbers) > 80
    assert numbers == sorted(set(numbers))
