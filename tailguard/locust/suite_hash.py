"""One hash of everything that decides what a worker measures: two workers of different hashes are not one run."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tailguard.config.suite_table import SuiteTable

PRODUCT = Path(__file__).resolve().parent.parent


def scenarios_sha256(suite: SuiteTable) -> str:
    """Return the SHA-256 of all Python files of Tailguard and of the suite, and of a file that declares scenarios."""
    digest = product_digest()
    _add(digest, suite.root, [*suite.files, *([suite.file] if suite.declares else [])])
    return digest.hexdigest()


def product_digest() -> "hashlib._Hash":
    """Return a SHA-256 of all Python files of Tailguard, which more can be added to."""
    digest = hashlib.sha256()
    _add(digest, PRODUCT.parent, sorted(PRODUCT.rglob("*.py")))
    return digest


def _add(digest: "hashlib._Hash", root: Path, files: Iterable[Path]) -> None:
    for path in (each for each in files if each.suffix in {".py", ".toml"}):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(path.read_bytes() + b"\0")
