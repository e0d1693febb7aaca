"""Commands that ran in turns: is one slower than its baseline? The test is the gate's, a round is a pair."""

from collections.abc import Iterator, Mapping

from tailguard.compare.comparison import RULE, ComparedMetric, change_verdict, guarded
from tailguard.compare.gate import gate_blocks
from tailguard.record.bench import Bench
from tailguard.record.samples import OK, Samples
from tailguard.record.verdict import ChangeVerdict

MEDIAN = 0.5
STEP = "run"


def compare_commands(bench: Bench, samples: Mapping[str, Samples]) -> list[ChangeVerdict]:
    """Compare each command with its baseline by the ratios of their rounds, as far as both have been measured.

    A FAIL stands only if Holm's step-down over all commands grants it. A round in which either failed is left out.
    """
    return guarded([*_changes(bench, samples)])


def _changes(bench: Bench, samples: Mapping[str, Samples]) -> Iterator[ChangeVerdict]:
    for slug, command in bench.commands.items():
        if not command.baseline:
            continue
        metric = ComparedMetric(slug, STEP, MEDIAN)
        sides = [samples[each] for each in (command.baseline, slug) if each in samples]
        rounds = min(map(len, sides)) if len(sides) == 2 else 0  # noqa: PLR2004  # baseline and candidate
        both = [j for j in range(rounds) if all(side.outcome[j] == OK for side in sides)]
        if not both:
            yield metric.invalid(RULE, "no round was measured on both sides")
            continue
        a, b = ((side.ended_ns - side.intended_ns)[both] / 1e6 for side in sides)
        margin = bench.margins.quantiles[0].most
        floor_ms = bench.margins.floor_ms
        change = gate_blocks([[x] for x in a], [[x] for x in b], q=MEDIAN, delta=margin, floor_ms=floor_ms)
        yield change_verdict(metric, change, a, b, gated=True, why=change.why.replace("pairs", "rounds"))
