"""One hash of everything that decides what a worker measures: two workers of different hashes are not one run."""

import hashlib
from pathlib import Path

from tailguard.config.suite_table import SuiteTable

PRODUCT = Path(__file__).resolve().parent.parent


def scenarios_sha256(suite: SuiteTable) -> str:
    """Return the SHA-256 of all Python files of Tailguard and of the suite."""
    digest = hashlib.sha256()
    for root, files in ((PRODUCT.parent, sorted(PRODUCT.rglob("*.py"))), (suite.root, suite.files)):
        for path in (each for each in files if each.suffix == ".py"):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()
