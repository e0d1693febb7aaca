"""The bridge of this process."""

from tailguard.base.errors import UsageError
from tailguard.locust.bridge import Bridge
from tailguard.locust.hooks import LoadTestHooks

_current: list[Bridge] = []


def install(load_test: LoadTestHooks) -> bool:
    """Listen to locust in this process, once however many files ask for it. True if this one is the first.

    Raises UsageError if one asks for another test than the one before, or for a run key that cannot be used.
    """
    if not _current:
        bridge = Bridge(load_test)
        bridge.listen()
        _current.append(bridge)
        return True
    if _current[0].load_test.what != load_test.what:
        both = f"{_current[0].load_test.what}, and {load_test.what}"
        raise UsageError(f"One run of locust is one test, and here are two: {both}. Leave one of them out.")
    return False


def the_bridge() -> Bridge:
    """Return the one of this process."""
    return _current[0]
