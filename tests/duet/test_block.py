"""One side of one block, on a real server: what it says of itself, and that the platform is the side's own."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tailguard.config.merge import load_config
from tailguard.duet.block import Order, perform
from tailguard.postgres.server import Server
from tailguard.record.samples.pack import unpack_samples

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = {
    "scenarios": ["registration"],
    "load.max_samples": 60,
    "load.min_samples": 60,
    "load.warmup": 5,
    "placement.pin": False,
}


def order(postgres: Server, folder: str = "", **more: Any) -> Order:
    config = load_config("duet", flags=SMALL | {"database.dsn": postgres.dsn}, environ={})
    settings = {name: setting.value for name, setting in config.settings.items() if setting.value is not None}
    placement = {"generator": None, "server": None, "pinned": False, "why": ""}
    return Order("abc-1", "duet", settings, folder, placement, time.monotonic_ns(), **more)


def test_a_block_measures_checks_and_says_where_its_time_went(postgres: Server, tmp_path: Path) -> None:
    began_s = time.monotonic()
    found = perform(order(postgres, str(ROOT), explain=True), tmp_path / "samples")
    wall_s = time.monotonic() - began_s
    assert len(unpack_samples(tmp_path / "samples")["registration"]) == 60
    assert all(each["held"] for each in found["scenarios"]["registration"]["invariants"])
    assert set(found["phases_s"]) == {"start", "world", "prepare", "wait", "measure", "check", "close"}
    assert abs(sum(found["phases_s"].values()) - wall_s) < 0.5
    assert found["platform"] == str(ROOT)
    plans = found["plans"]
    assert set(plans) == {"idx_tx_wallet_created_desc", "idx_moderation_ref_created_desc"}
    assert all("Index" in json.dumps(plan) for plan in plans.values())


def test_a_sides_own_folder_replaces_the_platform_and_never_the_instrument(
    postgres: Server, tmp_path: Path
) -> None:
    """As the duet starts it: the side's `perf` would end the process, its `deltacrown` is the one that runs."""
    side = tmp_path / "side"
    shutil.copytree(ROOT / "deltacrown", side / "deltacrown", ignore=shutil.ignore_patterns("__pycache__"))
    (side / "perf").mkdir()
    (side / "perf" / "__init__.py").write_text("raise SystemExit('the wrong instrument')\n", encoding="utf-8")
    told = order(postgres, str(side))
    path = tmp_path / "order.json"
    path.write_text(json.dumps({name: getattr(told, name) for name in Order.__slots__}), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "tailguard.duet.block", str(path), str(tmp_path / "result.json")]
    done = subprocess.run(
        command, cwd=side, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["platform"] == str(side)
