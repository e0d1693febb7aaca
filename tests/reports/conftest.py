"""Fixtures of the report's tests: runs on disk, made without a server."""

from pathlib import Path

import pandas as pd
import pytest
from made_run import record, samples, write_run

from perf.run import Run


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return samples()


@pytest.fixture
def run(tmp_path: Path, table: pd.DataFrame) -> Run:
    return Run.load(write_run(tmp_path / "20261121T100000Z-3f9c1a", record(table), table))
