"""Ctrl-C at any instant of the making of a temporary folder leaves no folder behind."""

import tempfile
from pathlib import Path

import pytest

from tailguard.base import own_folder, processes
from tailguard.base.processes import Watchdog


def interrupted(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def made_and_interrupted(*args: object) -> None:
    own_folder.make(*args).lock.close()
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("owner", "name", "instead"),
    [(Path, "write_text", interrupted), (processes, "make", made_and_interrupted)],
    ids=["before its marker is written", "before its watchdog knows of it"],
)
def test_nothing_is_left(tmp_path, monkeypatch, owner, name, instead):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(owner, name, instead)
    with pytest.raises(KeyboardInterrupt), Watchdog() as watchdog:
        watchdog.folder("test-")
    assert list(tmp_path.iterdir()) == []
