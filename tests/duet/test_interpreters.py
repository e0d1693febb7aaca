"""Which Python runs a side: ours where it needs the same packages, else one built once for its lock files."""

import sys
from pathlib import Path

import pytest

from tailguard.base.errors import TailguardError
from tailguard.duet import interpreters
from tailguard.duet.interpreters import python_for

PROJECT = '[project]\nname = "x"\nversion = "1"\ndependencies = ["{}"]\n'


@pytest.fixture
def trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two trees that need different packages, and a cache of their own."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_: tmp_path / "cache")
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text(PROJECT.format(name), encoding="utf-8")
    return tmp_path / "own", tmp_path / "other"


def test_a_tree_with_the_same_locks_runs_in_our_python(trees: tuple[Path, Path]) -> None:
    own, other = trees
    (other / "pyproject.toml").write_bytes((own / "pyproject.toml").read_bytes())
    assert python_for(other, own) == Path(sys.executable)


def test_a_tree_that_names_no_packages_runs_in_our_python(trees: tuple[Path, Path]) -> None:
    own, other = trees
    (other / "pyproject.toml").unlink()
    assert python_for(other, own) == Path(sys.executable)


def test_an_environment_is_built_once_for_the_same_locks(
    trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tailguard")
    own, other = trees
    built: list[list[str]] = []

    def build(place: Path, requirements: list[str]) -> None:
        built.append(requirements)
        place.mkdir(parents=True)
        (place / "tailguard-ready").touch()

    monkeypatch.setattr(interpreters, "_build", build)
    first, second = (python_for(other, own) for _ in range(2))
    assert first == second != Path(sys.executable)
    assert len(built) == len(caplog.messages) == 1
    assert "other" in built[0], "the tree's own requirement"
    assert any(line.startswith("numpy") for line in built[0]), "and the instrument's"


@pytest.mark.system
def test_what_cannot_be_installed_ends_with_the_installers_own_words(
    trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Really built: the requirement is a folder that does not exist, so no network is asked."""
    own, other = trees
    monkeypatch.setattr(interpreters, "_requirements", lambda _: ["/no/such/package"])
    with pytest.raises(TailguardError, match=r"could not be built:\n.*no/such/package"):
        python_for(other, own)
    assert not list(own.parent.glob("cache/environments/*/tailguard-ready")), "a half-built one is not kept"
