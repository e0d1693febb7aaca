"""A test whose assertions all stand in a loop over something that may be empty cannot fail."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def is_never_empty(loop: ast.For | ast.While | ast.AsyncFor) -> bool:
    """Whether a loop goes over what is written beside it or in a constant, or over what `each` or `sources` counted."""
    if not isinstance(loop, ast.For):
        return False
    over = loop.iter
    if isinstance(over, ast.Call):
        if isinstance(over.func, ast.Name) and over.func.id in ("each", "sources"):
            return True
        over = over.func.value if isinstance(over.func, ast.Attribute) else [over, *over.args][-1]
    constant = isinstance(over, ast.Name) and over.id.isupper()
    return constant or isinstance(over, ast.Tuple | ast.List | ast.Set | ast.Dict | ast.Constant)


def assertions(node: ast.AST, *, may_be_skipped: bool = False) -> Iterator[bool]:
    """Yield, for each assertion below a node, whether it may be skipped."""
    for child in ast.iter_child_nodes(node):
        loops = isinstance(child, ast.For | ast.While | ast.AsyncFor) and not is_never_empty(child)
        raises = isinstance(child, ast.With) and any(
            "raises" in ast.unparse(each.context_expr) for each in child.items
        )
        if isinstance(child, ast.Assert) or raises:
            yield may_be_skipped
        yield from assertions(child, may_be_skipped=may_be_skipped or loops)


def cannot_fail(test: ast.AST) -> bool:
    """Whether a test has assertions, and each of them may be skipped."""
    skipped = assertions(test)
    return next(skipped, False) and all(skipped)


def test_no_test_asserts_only_in_a_loop_that_may_be_empty() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{test.lineno} {test.name}"
        for path in TESTS.rglob("test_*.py")
        for test in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) and test.name.startswith("test_")
        if cannot_fail(test)
    ]
    assert found == []


def test_one_that_cannot_fail_is_found() -> None:
    loop = "def test_it(run):\n    for entry in run.entries:\n        assert entry.ok\n"
    assert cannot_fail(ast.parse(loop).body[0])
    assert not cannot_fail(ast.parse(loop.replace("run.entries", "each(run.entries)")).body[0])
    assert not cannot_fail(ast.parse(f"{loop}    assert run.ended\n").body[0])
