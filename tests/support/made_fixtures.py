"""Fixtures for all who read a run: one on disk, made without a server."""

from pathlib import Path

import pandas as pd
import pytest

from tailguard.record.run import Run
from tests.support.made_run import record, write_run
from tests.support.made_samples import samples


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return samples()


@pytest.fixture
def run(tmp_path: Path, table: pd.DataFrame) -> Run:
    return Run.load(write_run(tmp_path / "20261121T100000Z-3f9c1a", record(table), table))
