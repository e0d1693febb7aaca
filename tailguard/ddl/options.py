"""How a proof of a SQL file is made; apart from what makes it, so that a command can name the defaults at once."""

from dataclasses import dataclass, field

from tailguard.record.migration import WaitLimits


@dataclass(frozen=True, slots=True)
class DdlOptions:
    """How long and how hard a proof of a SQL file works.

    Attributes:
        rate_per_s: of writes and of reads. Few are enough: one that meets a stall shows its length.
        front_s: how long the transaction stays open that each trial meets; longer than anybody may wait.
        trials, safe_trials: runs of each way; what one alone shows may be the machine's doing.
        lock_timeout_ms: how long an attempt of the safe way waits for its lock, and all others behind it.
        patience_s: how long the safe way tries again before it gives up.
        growth_runs: executions on each of three sizes of a table that the time grows with, more if they are fast; 0
            for no such prediction.
    """

    rate_per_s: float = 100.0
    baseline_s: float = 1.0
    front_s: float = 0.75
    trials: int = 2
    safe_trials: int = 2
    lock_timeout_ms: int = 100
    patience_s: float = 10.0
    growth_runs: int = 3
    control: bool = True
    safe: bool = True
    seed: int = 1
    wait: WaitLimits = field(default_factory=WaitLimits)
