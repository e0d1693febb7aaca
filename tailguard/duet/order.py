"""What passes between a duet and the process of one side of one block: an Order there, a SideRecord back, both JSON."""

from collections.abc import Mapping

from tailguard.config.merge import Config
from tailguard.config.option import OptionValue
from tailguard.postgres.copies.filling import OwnDatabase
from tailguard.record.doubt import Doubt
from tailguard.record.duet import ExplainedQuery
from tailguard.record.environment import Placement
from tailguard.record.part import Part
from tailguard.record.scenario import Invariant, Schedule


def settings_of(config: Config) -> dict[str, OptionValue]:
    """Return every value that is set, by its dotted key."""
    return {name: each.value for name, each in config.settings.items() if each.value is not None}


class ServerOrder(Part, frozen=True, kw_only=True):
    """A side that is a server: a URL that answers, or (`url` is "") a command that is started for each block.

    `health` is the path that it must answer. `target_file` is the TOML file whose [target] describes it, "" if none
    does. Iterations of the duet, of at most `blocks` blocks, are numbered from `first_iteration`.
    """

    label: str
    url: str
    command: tuple[str, ...]
    health: str
    target_file: str
    first_iteration: int
    blocks: int


class SideOrder(Part, frozen=True, kw_only=True):
    """What a side gets with every block.

    `settings` has every value of the configuration by its dotted key, `config_file` describes the suite and lies
    beside it; `scenarios` are the suite's files and folders, as that file may be silent of them, or not there. `folder`
    has the side's code, "" if the side is a server, and `root` what is the suite's folder there; `project` is the
    folder that the suite was copied from: nothing may be loaded from there.
    """

    profile: str
    settings: Mapping[str, OptionValue]
    config_file: str
    scenarios: tuple[str, ...]
    placement: Placement
    folder: str = ""
    root: str = ""
    project: str = ""
    server: ServerOrder | None = None


class Order(Part, frozen=True, kw_only=True):
    """What one block shall do.

    `run_id` tells its rows from others'. `turns` is the socket over which the two sides take turns
    (`tailguard.duet.turns`), "" if there is no other side. The process was started at `ordered_ns`, on the clock that
    all processes of a machine share. `explain`: look at the query plans, too, after all else.
    `database` is None unless an embedded server has one for this block.
    """

    side: SideOrder
    run_id: str
    number: int
    ordered_ns: int
    turns: str = ""
    explain: bool = False
    database: OwnDatabase | None = None


class PhaseTimes(Part, frozen=True, kw_only=True):
    """Where the time of a block's process went, in seconds; they add up to the whole."""

    start: float = 0.0
    prepare: float = 0.0
    wait: float = 0.0
    measure: float = 0.0
    check: float = 0.0
    close: float = 0.0


class MeasuredScenario(Part, frozen=True, kw_only=True):
    """One scenario of one side of a block, without its samples."""

    title: str
    schedule: Schedule
    warmup: int
    offered_rate_per_s: float | None
    measured_s: float
    own_s: float
    invariants: tuple[Invariant, ...]


class SideRecord(Part, frozen=True, kw_only=True):
    """What a side measured in a block, beside its samples; `plans` only if they were asked for.

    `doubts` say what it left out.
    """

    scenarios: Mapping[str, MeasuredScenario]
    platform: str
    faults: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    plans: Mapping[str, ExplainedQuery]
    phases: PhaseTimes
