"""The fixture that plays a scenario against a server of a test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.declared_play import Played
from tests.support.raw_play import GO, Play, Seen
from tests.support.raw_server import Caller, raw_server


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def play(serve: Callable[[Caller], None], text: str = GO, count: int = 4) -> Seen:
        file = tmp_path / "go.toml"
        file.write_text(text, encoding="utf-8")
        with raw_server(serve) as server:
            return Seen(Played(file, server.url, count), server)

    return play
