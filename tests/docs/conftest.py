"""A reader in an empty folder, and the server that some guides ask."""

import shutil
import subprocess
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


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[None]:
    """A Redis of the test's own at the usual port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server here")
    words = [program, "--bind", "127.0.0.1", "--port", "6379", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, encoding="utf-8") as server:
        assert server.stdout is not None
        assert any("Ready to accept connections" in line for line in server.stdout), "is there one already?"
        yield
        server.terminate()
