"""The two ends of what we support: PostgreSQL 15 of Debian where it is installed, and the wheel's 18."""

from pathlib import Path

import pytest

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
needs_15 = pytest.mark.skipif(
    not (DEBIAN_15 / "postgres").exists(),
    reason=f"PostgreSQL 15 is not in {DEBIAN_15} (Debian: apt-get install postgresql-15)",
)
# Each is (folder of programs, None for the wheel's; major version).
VERSIONS = [
    pytest.param((DEBIAN_15, "15"), id="15", marks=[needs_15, pytest.mark.system]),
    pytest.param((None, "18"), id="18"),
]
