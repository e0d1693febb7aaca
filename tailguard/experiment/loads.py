"""A claim at one load after the other: a run for each, and at which it turns."""

from collections.abc import Callable, Mapping, Sequence

from tailguard.base.output.streams import say
from tailguard.base.state import worst
from tailguard.compare.gate_sentences import trials_of, turning_sentence
from tailguard.config.merge import Config
from tailguard.duet.session import run_duet
from tailguard.duet.side_spec import SideSpec
from tailguard.record.duet import Budget, Claim, LoadTrial, SideName
from tailguard.record.run_record import Ended


def try_loads(
    rates: Sequence[float],
    config_at: Callable[[float], Config],
    sides: Mapping[SideName, SideSpec],
    budget: Budget,
    command: Sequence[str],
    claim: Claim,
) -> int:
    """Perform a duet at each rate per second, each within the budget; return the exit code of the worst answer."""
    tried: tuple[LoadTrial, ...] = ()
    states = []
    for rate in rates:
        say("", f"Load {rate:g}/s")
        run = run_duet(config_at(rate), sides, budget, command, None, claim, load=(rate, tried))
        if run.record.ended is Ended.INTERRUPTED:
            return run.record.deserved_exit_code
        tried = trials_of(run.record) or tried
        states.append(run.record.state)
    say(f"{claim.title}: {turning_sentence(tried)}")
    return worst(states).exit_code
