"""A feed with a switch: a proxy before it that can cut subscribers off, if the run's faults ask for that."""

from urllib.parse import urlsplit

from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.faults.proxy import FaultProxy
from tailguard.pipeline.world import World
from tailguard.websocket.messages import Feed


def is_under_faults(world: World) -> bool:
    """Tell whether anything is made to fail in this run."""
    return bool(world.config.get("chaos.faults"))


def is_cut_off(world: World) -> bool:
    """Tell whether this run cuts subscribers off."""
    return any(fault.startswith("subscribers_") for fault in world.config.get("chaos.faults"))


def switched(feed: Feed, world: World) -> Feed:
    """Return the feed as it is reached through a proxy, which the world keeps. Raises UsageError for one with TLS."""
    parts = urlsplit(feed.url)
    if parts.scheme != "ws" or parts.hostname is None:
        raise UsageError(
            "chaos.faults: subscribers_dropped needs a feed without TLS (ws://host:port): leave it out"
        )
    proxy = FaultProxy(parts.hostname, parts.port or 80, world.config.get("seed"))
    world.feed_proxy = world.resources.enter_context(proxy)
    return replace(feed, url=feed.url.replace(parts.netloc, proxy.address, 1))
