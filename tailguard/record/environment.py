"""Where a run was measured: the machine, the cores, the servers. What could not be found is None."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from tailguard.record.part import Count, Part


class Cpu(Part, frozen=True, kw_only=True):
    """Cores are counted over all sockets."""

    model: str | None
    logical: Count | None
    physical: Count | None


class GitState(Part, frozen=True, kw_only=True):
    """The commit of the measured code and whether its files had changes; `folder` is its place in the repository.

    `folder` is "" at the top of the repository, else it ends with a slash.
    """

    commit: str | None
    dirty: bool | None
    folder: str = ""


class Clocks(Part, frozen=True, kw_only=True):
    """Both clocks at one moment: ties the instants of the samples (monotonic) to the calendar."""

    wall_ns: int
    monotonic_ns: int


class Placement(Part, frozen=True, kw_only=True):
    """Cores of the generator and of the servers; None means any.

    `why` says why the two are not held apart, else "".
    """

    generator: tuple[int, ...] | None
    server: tuple[int, ...] | None
    pinned: bool
    why: str = ""


# A wheel's, one found on this machine, or one that was named to us.
PostgresSource: TypeAlias = Literal["embedded", "system", "yours"]


class PostgresServer(Part, frozen=True, kw_only=True):
    """`settings` are those that differ from PostgreSQL's built-in values, with their units ("1GB")."""

    version: str
    source: PostgresSource
    settings: Mapping[str, str]


class S3Server(Part, frozen=True, kw_only=True):
    """An object store; `server` is its kind."""

    server: str
    version: str
    source: Literal["embedded", "yours"]


class Environment(Part, frozen=True, kw_only=True):
    """The machine of a run, its packages, and the servers that it used; `who` ran it where, if that was asked."""

    cpu: Cpu
    memory_bytes: Count
    kernel: str
    os: str
    python: str
    packages: Mapping[str, str]
    git: GitState
    clock: Clocks
    placement: Placement | None = None
    postgres: PostgresServer | None = None
    s3: S3Server | None = None
    who: str = ""


class MachineReading(Part, frozen=True, kw_only=True):
    """What the machine did to the generator while it was watched.

    `busy`, `foreign`, `steal` are shares of the time of the generator's cores: busy with anything, with what is not
    one of our threads, given to other guests by the hypervisor. `waiting` is the share of our threads' time that was
    spent in the queue for a core. `foreign` and `waiting` are None if the platform does not tell. `gc_share` is the
    garbage collector's share of the time, `lag_ms` how late the watching thread woke at worst, `clock_jump_ms` the
    largest jump of the wall clock against the monotonic one.
    """

    watched_s: float
    busy: float
    foreign: float | None
    steal: float
    waiting: float | None
    gc_longest_ms: float
    gc_share: float
    lag_ms: float
    clock_jump_ms: float
