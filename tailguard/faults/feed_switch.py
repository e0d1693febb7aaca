"""A feed with a switch: a proxy before it that can cut subscribers off, if the run's faults ask for that."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.faults.proxy import FaultProxy
from tailguard.suite.run import Run
from tailguard.websocket.messages import Feed


def cut_off(run: Run) -> bool:
    """Return whether a fault of the run drops the connections of subscribers."""
    return any(fault.startswith("subscribers_") for fault in run.faults)


@contextmanager
def switched(feed: Feed, run: Run) -> Iterator[Feed]:
    """Return the feed as it is reached while the `with` lasts: through a proxy, noted in the run, if it cuts them off.

    Raises UsageError for a feed with TLS.
    """
    if not cut_off(run):
        yield feed
        return
    parts = urlsplit(feed.url)
    if parts.scheme != "ws" or parts.hostname is None:
        raise UsageError(
            "chaos.faults: subscribers_dropped needs a feed without TLS (ws://host:port): leave it out"
        )
    with FaultProxy(parts.hostname, parts.port or 80, run.seed) as proxy:
        run.note("feed", proxy)
        yield replace(feed, url=feed.url.replace(parts.netloc, proxy.address, 1))
