"""The chart library is kept for the next report, and built anew if what is kept is not as we wrote it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tailguard.report.charts import kept_library
from tailguard.report.charts.kept_library import kept_chart_library

LIBRARY = "window.vegaEmbed = 'ü';"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was built instead of read; a stand-in for the library itself, which takes a second."""
    made: list[str] = []
    monkeypatch.setattr(kept_library, "chart_library", lambda: made.append(LIBRARY) or LIBRARY)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return made


def kept(tmp_path: Path) -> Path:
    (found,) = tmp_path.rglob("charts/*.js")
    return found


def test_it_is_built_once(built: list[str], tmp_path: Path) -> None:
    assert [kept_chart_library(), kept_chart_library()] == [LIBRARY, LIBRARY]
    assert built == [LIBRARY]
    assert kept(tmp_path).parent.stat().st_mode & 0o777 == 0o700


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def edit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"window", b"wind0w"))


def let_others_write(path: Path) -> None:
    path.chmod(0o622)


def point_elsewhere(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def put_a_pipe_there(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("spoil", [shorten, edit, let_others_write, point_elsewhere, put_a_pipe_there])
def test_what_is_not_as_we_wrote_it_is_built_and_written_anew(
    built: list[str], tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    kept_chart_library()
    spoil(kept(tmp_path))
    assert [kept_chart_library(), kept_chart_library()] == [LIBRARY, LIBRARY]
    assert len(built) == 2


def test_where_nothing_can_be_kept_it_is_built_each_time(built: list[str], tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be", encoding="utf-8")
    assert [kept_chart_library(), kept_chart_library()] == [LIBRARY, LIBRARY]
    assert len(built) == 2


def test_without_a_home_nothing_of_the_present_folder_is_read(
    built: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "~"))
    kept_chart_library()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)  # a user without an entry, as in many containers
    assert kept_chart_library() == LIBRARY
    assert len(built) == 2
