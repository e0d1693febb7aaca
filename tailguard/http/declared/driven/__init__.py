"""Declared scenarios that an event loop drives: each step one request, made of bytes that were prepared before."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from tailguard.engine.workload import DrivenJourney
from tailguard.http.declared.client import Client
from tailguard.http.declared.driven.drive import Drive
from tailguard.http.declared.driven.wired import WiredStep
from tailguard.http.declared.journey import Journey
from tailguard.http.wire.pool import Wire

Taken = Callable[[int], Mapping[str, Mapping[str, str]]]


@asynccontextmanager
async def driven(
    journey: Journey, taken: Taken, client: Client
) -> AsyncIterator[Callable[[int], DrivenJourney]]:
    """Open what the users of a scenario share on their loop; yields how each is made.

    `taken` gives an iteration's rows by its number.
    """
    wire = Wire(client.tls)
    steps = [WiredStep(each, client, wire) for each in journey.steps]
    try:
        yield lambda _: Drive(journey, steps, taken, client.origin)
    finally:
        wire.close()
