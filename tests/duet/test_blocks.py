"""A pair of real processes: measured in turns, and whoever fails is named with its log."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from tailguard.config.merge import load_config
from tailguard.duet import turns
from tailguard.duet.blocks import BlockError, Side, measure_block
from tailguard.duet.order import SideOrder, settings_of
from tailguard.record.duet import SideName
from tailguard.record.environment import Placement
from tests.support.duet_side import TOLD

ROOT = Path(__file__).resolve().parents[2]
SIDE = ROOT / "tests" / "support" / "duet_side.py"


def side(name: SideName, mood: str = "well", level_ms: float = 5.0) -> Side:
    command = (sys.executable, "-P", str(SIDE), mood, str(level_ms), "1")
    return Side(name, f"the {name}'s commit", command, {"PYTHONPATH": str(ROOT)}, ROOT, TOLD)


@pytest.mark.system
def test_a_block_brings_both_sides_samples_and_alternates_who_begins(tmp_path: Path) -> None:
    sides = [side("baseline"), side("candidate", level_ms=10.0)]
    blocks = [measure_block(number, sides, "abc", tmp_path / "blocks") for number in (1, 2)]
    assert [block.first for block in blocks] == ["baseline", "candidate"]
    for block in blocks:
        assert list(block.sides) == ["baseline", "candidate"]
        slow, fast = (
            block.sides[name].samples["registration"].response_ms("register").mean()
            for name in (sides[1].name, sides[0].name)
        )
        assert slow > 1.5 * fast
    assert sorted(path.name for path in (tmp_path / "blocks").iterdir()) == [
        "001-baseline.parquet", "001-candidate.parquet", "002-baseline.parquet", "002-candidate.parquet"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mood", "log"),
    [("does not start", "ImportError: no module"), ("crashes in its second turn", "Segmentation fault")],
)
def test_a_side_that_fails_is_named_with_the_end_of_its_log(tmp_path: Path, mood: str, log: str) -> None:
    with pytest.raises(BlockError, match=log) as failure:
        measure_block(1, [side("baseline", mood), side("candidate")], "abc", tmp_path)
    assert failure.value.side == "baseline"
    assert "the baseline's commit" in str(failure.value)


def test_a_side_whose_record_is_not_one_is_named_with_the_place_in_it(tmp_path: Path) -> None:
    with pytest.raises(BlockError, match=r"candidate's commit\): Object missing required field `scenarios`"):
        measure_block(1, [side("baseline"), side("candidate", "writes nonsense")], "abc", tmp_path)


def test_no_process_and_no_folder_outlives_a_failed_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TemporaryDirectory() as temporary:  # a short path: sockets stand in it
        monkeypatch.setattr("tempfile.tempdir", temporary)
        with pytest.raises(BlockError):
            measure_block(
                1, [side("baseline"), side("candidate", "crashes in its second turn")], "abc", tmp_path
            )
        assert not list(Path(temporary).iterdir())
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if children.exists():
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.read_text().split()]
        assert not any(b"duet_side" in command for command in commands)


@pytest.mark.proof
def test_a_side_that_is_stopped_is_named_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_TIMEOUT_S", 1.0)
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    with pytest.raises(BlockError, match=r"it hangs within 1 s") as failure:
        measure_block(
            1, [side("baseline", "is stopped in its second turn"), side("candidate")], "abc", tmp_path
        )
    assert failure.value.side == "baseline"
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before


def test_what_a_side_is_told_may_hold_secrets_and_is_never_shown() -> None:
    config = load_config("duet", flags={"database.dsn": "postgresql://u:hush@h/d"}, environ={})
    told = SideOrder(
        profile="duet",
        settings=settings_of(config),
        config_file="",
        scenarios=("scenarios",),
        placement=Placement(generator=None, server=None, pinned=False),
    )
    secret = Side("baseline", "b", ("x",), {"AWS_SECRET_ACCESS_KEY": "hush"}, ROOT, told)
    assert "hush" in str(told.settings)
    assert "hush" not in repr(secret)
