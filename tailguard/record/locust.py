"""What only a Locust run has: its workers, how busy they were, and broadcasts that several of them watched."""

from collections.abc import Mapping

from tailguard.record.environment import MachineReading
from tailguard.record.part import Count, Part


class WakeLateness(Part, frozen=True, kw_only=True):
    """How late a worker's event loop woke a sleeper, in ms."""

    p50: float
    p99: float
    max: float


class CoreUse(Part, frozen=True, kw_only=True):
    """The mean share of its core that a worker used, and the share of its seconds in which the core was full."""

    mean: float
    full: float


class WorkerLoad(Part, frozen=True, kw_only=True):
    """What a worker itself was up to while it measured."""

    late_ms: WakeLateness
    core: CoreUse
    reading: MachineReading


class Broadcasts(Part, frozen=True, kw_only=True):
    """Broadcasts of one scenario over all workers; `spectators` are by worker.

    `later` counts those whose last spectator was another worker's than the sender's, `lost_elsewhere` those that
    every spectator of the sender had and some spectator of another worker never did.
    """

    spectators: Mapping[str, Count]
    duplicates: Count
    joined: Count
    later: Count
    lost_elsewhere: Count
    unmatched: Count


class Locust(Part, frozen=True, kw_only=True):
    """`workers` are numbered in the order in which they joined; a `load` is None if the worker reported none.

    `scenarios_sha256` is the hash of the suite's code, the same on every worker.
    """

    scenarios_sha256: str
    workers: Mapping[str, Count]
    joined_late: tuple[str, ...]
    faults: tuple[str, ...]
    broadcasts: Mapping[str, Broadcasts]
    load: Mapping[str, WorkerLoad | None]
