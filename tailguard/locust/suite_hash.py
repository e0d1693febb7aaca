"""One hash of everything that decides what a worker measures: two workers of different hashes are not one run."""

import hashlib
from pathlib import Path

ROOMS = ("scenarios", "perf", "deltacrown")


def scenarios_sha256() -> str:
    """Return the SHA-256 of all Python files of the scenarios and of what they are made of."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()
