"""Our turn of http_rate.py: plays a TOML file as a run does, without judging or a report.

    python -m benchmarks.http_rate_ours FILE URL closed|open USERS|RATE SECONDS

prints how many samples were ok, and the CPU time that playing took.
"""

import sys
import time
from pathlib import Path

from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed, Poisson
from tailguard.engine.workload import Load, Workload
from tailguard.pipeline.built_ins import built_ins
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.parts import Parts
from tailguard.suite.discovery import plans_of
from tailguard.suite.resolver import Resolver
from tailguard.suite.run import Run, Shard, Target


def main(file: Path, url: str, model: str, amount: int, seconds: float) -> None:
    """Play, and print the number of ok samples; what failed, and how late starts were, goes to stderr."""
    config, suite = open_suite(load_config(suite=asked_suite([str(file)]), environ={}))
    run = Run("http-rate", config.seed)
    table = built_ins(config, run, Target(url, str(file)), Shard(), Parts(config, run.placement))
    schedule = Closed(amount, seconds) if model == "closed" else Poisson(amount, seconds)
    load = Load(schedule, workers=512, max_samples=10**8, max_seconds=seconds)
    with Resolver() as resolver:
        (bound,) = [resolver.bind(plan) for plan in plans_of(config, suite, table)]
        cpu_s = time.process_time()
        measured = measure([Workload(bound, load)])["go"]
        cpu_s = time.process_time() - cpu_s
    print(sum(int(measured.samples.ok(step).sum()) for step in measured.samples.steps), cpu_s)
    late_ms = (
        sorted(measured.lateness_ns)[len(measured.lateness_ns) // 2] / 1e6 if len(measured.lateness_ns) else 0
    )
    print(f"{measured.said}, median lateness {late_ms:.3f} ms", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
