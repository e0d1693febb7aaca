"""One side of one block, on a real server: what it says of itself, and that the platform is the side's own."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from tailguard.config.merge import load_config
from tailguard.duet.block import perform
from tailguard.duet.order import Order, SideOrder, SideRecord, settings_of
from tailguard.duet.shared_servers import SharedServers
from tailguard.duet.side_spec import SideSpec
from tailguard.duet.sides import CodeSide, Instrument, instrument_of
from tailguard.duet.sources import Source
from tailguard.postgres.server import Server
from tailguard.record.environment import Placement
from tailguard.record.run_json import decode, encode
from tailguard.record.samples.pack import unpack_samples
from tests.support.suite import SUITE

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = {
    "scenarios": ["registration"],
    "load.max_samples": 60,
    "load.min_samples": 60,
    "load.warmup": 5,
    "placement.pin": False,
}


ANYWHERE = Placement(generator=None, server=None, pinned=False)


def order(postgres: Server, folder: str) -> Order:
    config = load_config("duet", flags=SMALL | {"database.dsn": postgres.dsn}, environ={})
    side = SideOrder(
        profile="duet",
        settings=settings_of(config),
        config_file=str(SUITE.file),
        scenarios=("scenarios",),
        placement=ANYWHERE,
        folder=folder,
    )
    return Order(side=side, run_id="abc-1", number=1, ordered_ns=time.monotonic_ns(), explain=True)


def test_a_block_measures_checks_and_says_where_its_time_went(postgres: Server, tmp_path: Path) -> None:
    began_s = time.monotonic()
    found = perform(order(postgres, str(ROOT)), tmp_path / "samples")
    wall_s = time.monotonic() - began_s
    assert len(unpack_samples(tmp_path / "samples")["registration"]) == 60
    assert found.scenarios["registration"].invariants
    assert all(each.held for each in found.scenarios["registration"].invariants)
    seconds = msgspec.structs.astuple(found.phases)
    assert all(each > 0 for each in seconds)
    assert abs(sum(seconds) - wall_s) < 0.5
    assert found.platform == str(ROOT)
    assert set(found.plans) == {"idx_tx_wallet_created_desc", "idx_moderation_ref_created_desc"}
    documents = [each.document for each in found.plans.values()]
    assert all(document and "Index" in json.dumps(document.value) for document in documents)


def test_a_sides_own_folder_replaces_the_platform_and_never_the_instrument(
    postgres: Server, tmp_path: Path
) -> None:
    """As the duet starts it: the side's `perf` would end the process, its `reference` is the one that runs."""
    side = tmp_path / "side"
    shutil.copytree(ROOT / "reference", side / "reference", ignore=shutil.ignore_patterns("__pycache__"))
    with (side / "reference" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write("\nprint('the reference of the side')\n")
    (side / "perf").mkdir()
    (side / "perf" / "__init__.py").write_text("raise SystemExit('the wrong instrument')\n", encoding="utf-8")
    path, result = tmp_path / "order.json", tmp_path / "result.json"
    config = load_config("duet", flags=SMALL, environ={})
    servers = SharedServers(postgres.dsn, "", {}, None, None)
    with ExitStack() as stack:
        source = Source(side, "the side", commit=None, dirty=False)
        code = CodeSide("baseline", SideSpec(), source, Path(sys.executable), instrument_of(SUITE, stack))
        told = code.ready(config, servers, ANYWHERE, "abc")
        path.write_bytes(
            encode(Order(side=told.order, run_id="abc-1", number=1, ordered_ns=time.monotonic_ns()))
        )
        command = [*told.command, str(path), str(result)]
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **told.environ}
        done = subprocess.run(command, cwd=told.cwd, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the reference of the side\n"
    assert list(side.glob("reference/__pycache__/*.pyc")), "each block would compile the side's code anew"
    assert decode(result.read_bytes(), SideRecord).platform == str(side)


def test_a_side_of_code_is_not_sent_to_a_url_that_would_be_the_other_sides_too(tmp_path: Path) -> None:
    config = load_config("duet", flags={"target.url": "http://shop.example"}, environ={})
    instrument = Instrument(tmp_path, tmp_path / "tailguard.toml", (), tmp_path, Path())
    source = Source(tmp_path, "the side", commit=None, dirty=False)
    side = CodeSide("baseline", SideSpec(), source, Path(sys.executable), instrument)
    told = side.ready(config, SharedServers("", "", {}, None, None), ANYWHERE, "abc")
    assert told.order is not None
    assert told.order.settings["target.url"] == ""
