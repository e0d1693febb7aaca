"""A reader in an empty folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import stand_ins
from tests.docs.reader import Reader


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    (tmp_path / "project").mkdir()
    reader = Reader(tmp_path / "project", tmp_path / "programs")
    stand_ins.put(tmp_path / "programs", reader.port)
    yield reader
    reader.leaves()
