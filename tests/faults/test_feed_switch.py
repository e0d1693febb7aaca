"""A feed gets a switch if the run cuts its subscribers off, and none else."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.faults import FaultProxy, cut_off, switched
from tailguard.suite.run import Run
from tailguard.websocket import Feed

FEED = Feed("ws://127.0.0.1:8000/room/", {}, "welcome", "event", "id")
CALM, CUT = (
    Run("r1", 7, faults=("postgres_terminated:1",)),
    Run("r2", 7, faults=("subscribers_dropped=0.3:3",)),
)


def test_a_run_that_leaves_subscribers_alone_reaches_the_feed_itself():
    assert not cut_off(CALM)
    with switched(FEED, CALM) as reached:
        assert reached is FEED
    assert CALM.notes == {}


def test_a_run_that_cuts_them_off_reaches_it_through_a_proxy_that_it_notes():
    assert cut_off(CUT)
    with switched(FEED, CUT) as reached:
        proxy = CUT.notes["feed"]
        assert isinstance(proxy, FaultProxy)
        assert reached.url == f"ws://{proxy.address}/room/"


def test_a_feed_with_tls_cannot_be_cut_off():
    secure = Feed("wss://example.org/room/", {}, "welcome", "event", "id")
    with pytest.raises(UsageError, match="without TLS"), switched(secure, CUT):
        pass
