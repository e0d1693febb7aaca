"""The shape of the code, in figures: untyped dictionaries, long and branching functions, crowded folders.

`python -m benchmarks.code_shape [FOLDER ...]`: one column per folder, so that two work trees can be compared.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

OUTSIDE = {"tests", "benchmarks", "docs", ".venv", ".git", ".ci", "runs"}
BAG = re.compile(r"(?:dict|Mapping|MutableMapping)\[str, (?:Any|object)\]")
HIDDEN = re.compile(r"\bcast\(|total=False")
BRANCHES = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.IfExp,
    ast.comprehension,
    ast.match_case,
)
LONG_LINES, COMPLEX, CROWDED = 50, 10, 16


def sources(root: Path) -> list[Path]:
    return [path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in OUTSIDE]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def complexity(function: ast.AST) -> int:
    """Cyclomatic: one and a branch more for each decision, as McCabe counts them."""
    found = [node for node in ast.walk(function) if isinstance(node, (*BRANCHES, ast.BoolOp))]
    return 1 + sum(len(node.values) - 1 if isinstance(node, ast.BoolOp) else 1 for node in found)


def shape(root: Path) -> dict[str, float]:
    paths = sources(root)
    texts = [path.read_text(encoding="utf-8") for path in paths]
    made = [function for path in paths for function in functions(path)]
    lines = sum(text.count("\n") for text in texts)
    bags = sum(len(BAG.findall(text)) for text in texts)
    folders = Counter(path.parent for path in paths)
    lengths = sorted((function.end_lineno or 0) - function.lineno + 1 for function in made)
    return {
        "lines": lines,
        "files": len(paths),
        "dict[str, Any] and the like": bags,
        "  per 1,000 lines": round(1000 * bags / lines, 1),
        "casts and total=False": sum(len(HIDDEN.findall(text)) for text in texts),
        f"functions over {LONG_LINES} lines": sum(length > LONG_LINES for length in lengths),
        "median function, lines": lengths[len(lengths) // 2],
        f"functions of complexity over {COMPLEX}": sum(complexity(function) > COMPLEX for function in made),
        f"folders over {CROWDED} files": sum(count > CROWDED for count in folders.values()),
        "longest file, lines": max(text.count("\n") for text in texts),
    }


def main() -> None:
    roots = [Path(word) for word in sys.argv[1:]] or [Path()]
    found = [shape(root) for root in roots]
    for name in found[0]:
        print(f"{name:<40}" + "".join(f"{each[name]:>12,}" for each in found))


if __name__ == "__main__":
    main()
