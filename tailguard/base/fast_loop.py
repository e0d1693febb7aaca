"""The event loop that measures."""

import asyncio
import sys


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop, on Windows of asyncio."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415  # not on Windows

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
