"""A block of a duet whose side is a server: what it asks, and what it says that it cannot know. Real HTTP."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tailguard.base.errors import TailguardError, UsageError
from tailguard.config.merge import load_config
from tailguard.duet.block import perform, place_of
from tailguard.duet.order import Order, ServerOrder, SideOrder, settings_of
from tailguard.engine.schedule import Closed
from tailguard.engine.workload import Load
from tailguard.record.environment import Placement
from tailguard.record.run_json import decode, encode
from tailguard.record.samples.pack import unpack_samples
from tests.support.other_platform import other_platform, write_mapping

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]
LOAD = Load(Closed(1, 10.0), warmup=20, max_samples=150)
SMALL = {
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


def order(number: int = 1, scenario: str = "economy_transfer", **server: Any) -> Order:
    flags = SMALL | {"scenarios": [scenario]}
    config = load_config("duet_http", file=ROOT / "tailguard.toml", flags=flags, environ={})
    given = {"url": "", "target_file": "", "first_iteration": 0, "blocks": 1, **server}
    side = SideOrder(
        profile="duet_http",
        settings=settings_of(config),
        config_file=str(ROOT / "tailguard.toml"),
        scenarios=("scenarios",),
        placement=Placement(generator=None, server=None, pinned=False),
        server=ServerOrder(label="there", command=(), health="/", **given),
    )
    return Order(side=side, run_id="abc-1", number=number, ordered_ns=time.monotonic_ns())


def test_a_mapped_server_is_measured_and_its_unread_database_said(other: Any, tmp_path: Path) -> None:
    url, _ = other
    told = order(url=url, target_file=str(write_mapping(tmp_path)))
    assert decode(encode(told), Order) == told, "it survives its way to the block's process"
    found = perform(told, tmp_path / "samples")
    samples = unpack_samples(tmp_path / "samples")["economy_transfer"]
    assert len(samples.response_ms("transfer")) == 20
    assert found.scenarios["economy_transfer"].invariants == ()
    [doubt] = found.doubts
    assert (doubt.kind, doubt.measured) == (
        "invariants_unchecked",
        "no DSN says where the target's database is",
    )
    assert (found.platform, found.plans) == ("there", {})


def test_a_server_that_throttles_spoils_the_block(other: Any, tmp_path: Path) -> None:
    url, state = other
    told = order(url=url, target_file=str(write_mapping(tmp_path)))
    state.most_requests = state.requests + 10
    with pytest.raises(TailguardError, match="throttle"):
        perform(told, tmp_path / "samples")


def test_a_scenario_that_the_server_cannot_serve_is_refused_with_the_reason(
    other: Any, tmp_path: Path
) -> None:
    url, _ = other
    told = order(scenario="websocket_broadcast", url=url, target_file=str(write_mapping(tmp_path)))
    with pytest.raises(UsageError, match="this platform has no WebSocket"):
        perform(told, tmp_path / "samples")


def test_each_block_has_iterations_of_its_own_and_leaves_none_out() -> None:
    """A server keeps what was done: an iteration that came twice would be a refusal, or a replayed key."""
    places = [place_of(order(number, first_iteration=500, blocks=40)) for number in (1, 2, 40)]
    assert [each.numbers(LOAD) for each in places] == [(500, 500), (650, 520), (6350, 1280)]
    assert place_of(order(blocks=40)).iterations(LOAD) == 40 * 170


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        (
            "registration",
            "5 users and 1 tournaments last for 5 registrations, and this duet's blocks may take 880",
        ),
        (
            "result_submission",
            "pool matches has 2 rows to be used once, and this duet's blocks of result_submission",
        ),
    ],
)
def test_a_pool_that_does_not_last_for_all_blocks_is_named_before_anything_is_measured(
    other: Any, tmp_path: Path, scenario: str, told: str
) -> None:
    url, state = other
    with pytest.raises(UsageError, match=told):
        perform(
            order(scenario=scenario, url=url, target_file=str(write_mapping(tmp_path)), blocks=40),
            tmp_path / "samples",
        )
    assert not state.entries
