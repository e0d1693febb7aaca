"""The two ends of what we support: PostgreSQL 15 of Debian where it is installed, and the wheel's 18."""

from pathlib import Path

import pytest


def programs_of(version: str) -> Path:
    """Where the packages of Debian and of PostgreSQL itself have a version's programs."""
    return Path(f"/usr/lib/postgresql/{version}/bin")


DEBIAN_15 = programs_of("15")
needs_15 = pytest.mark.skipif(
    not (DEBIAN_15 / "postgres").exists(),
    reason=f"PostgreSQL 15 is not in {DEBIAN_15} (Debian: apt-get install postgresql-15)",
)
# Each is (folder of programs, None for the wheel's; major version).
VERSIONS = [
    pytest.param((DEBIAN_15, "15"), id="15", marks=[needs_15, pytest.mark.system]),
    pytest.param((None, "18"), id="18"),
]
