"""A block of a duet whose side is a server: what it asks, and what it says that it cannot know. Real HTTP."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perf.mapping.target import load_target
from perf.targets import packed
from tailguard.base.errors import TailguardError
from tailguard.config.merge import load_config
from tailguard.duet.block import _numbered, perform
from tailguard.duet.order import Order, ServerOrder, SideOrder, TargetTable, settings_of
from tailguard.record.environment import Placement
from tailguard.record.part import Document
from tailguard.record.run_json import decode, encode
from tailguard.record.samples.pack import unpack_samples
from tailguard.suite.registry import named_scenarios
from tests.support.other_platform import other_platform, write_mapping
from tests.support.suite import SUITE

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "scenarios": ["economy_transfer"],
    "platform": "http",
    "load.max_samples": 20,
    "load.min_samples": 20,
    "load.warmup": 2,
    "load.workers": 2,
}


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("OTHER_PASSWORD", "open sesame")
    with other_platform() as served:
        yield served


def order(number: int = 1, **server: Any) -> Order:
    config = load_config("duet_http", file=ROOT / "tailguard.toml", flags=SMALL, environ={})
    given = {"url": "", "mapping": None, "first_iteration": 0, **server}
    side = SideOrder(
        profile="duet_http",
        settings=settings_of(config),
        config_file=str(ROOT / "tailguard.toml"),
        placement=Placement(generator=None, server=None, pinned=False),
        server=ServerOrder(label="there", command=(), health="/", secret="", **given),
    )
    return Order(side=side, run_id="abc-1", number=number, ordered_ns=time.monotonic_ns())


def test_a_mapped_server_is_measured_and_its_unread_database_said(other: Any, tmp_path: Path) -> None:
    url, _ = other
    target = load_target(write_mapping(tmp_path))
    assert target is not None
    told = order(url=url, mapping=packed(target, url))
    assert decode(encode(told), Order) == told, "it survives its way to the block's process"
    found = perform(told, tmp_path / "samples")
    samples = unpack_samples(tmp_path / "samples")["economy_transfer"]
    assert len(samples.response_ms("transfer")) == 20
    entry = found.scenarios["economy_transfer"]
    assert (entry.invariants, entry.unchecked) == ((), "the server's database is not ours to read")
    assert (found.platform, found.plans) == ("there", {})


def test_a_server_that_is_started_for_the_block_logs_its_users_in_then(other: Any, tmp_path: Path) -> None:
    url, _ = other
    target = load_target(write_mapping(tmp_path))
    assert target is not None
    table = TargetTable(source=target.source, table=Document(target.table), folder=str(target.folder))
    told = decode(encode(order(url=url, mapping=table)), Order)
    perform(told, tmp_path / "samples")
    assert len(unpack_samples(tmp_path / "samples")["economy_transfer"]) == 20


def test_a_server_that_throttles_spoils_the_block(other: Any, tmp_path: Path) -> None:
    url, state = other
    target = load_target(write_mapping(tmp_path))
    assert target is not None
    told = order(url=url, mapping=packed(target, url))
    state.most_requests = state.requests + 10
    with pytest.raises(TailguardError, match="throttle"):
        perform(told, tmp_path / "samples")


def test_each_block_has_iterations_of_its_own(tmp_path: Path) -> None:
    """A server keeps what was done: an iteration that came twice would be a refusal, or a replayed key."""
    seen: list[int] = []

    def journey(session: Any, platform: Any, data: Any) -> None:
        seen.append(session.turn)

    [registration] = named_scenarios(SUITE, ["registration"])
    for number in (1, 2):
        [scenario] = _numbered([replace(registration, journey=journey)], order(number, first_iteration=500))
        for turn in (-1, 0, 199):
            session: Any = SimpleNamespace(turn=turn)
            scenario.journey(session, None, None)
    assert seen == [10_499, 10_500, 10_699, 20_499, 20_500, 20_699]
