"""What runs of the largest size cost: python -m benchmarks.scale, or with the names of some worlds.

Each command runs in a process of its own. Seconds are of the processor, its children's included, so that a busy machine
changes little; memory is the most that one process held. The baseline is a Python that reads the same file with pyarrow
and does nothing with it.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from msgspec import structs

from benchmarks.figure import Figure
from tailguard.compare.verdicts import verdicts_of
from tailguard.judge.objectives import parse_objectives
from tailguard.record.run import Run
from tailguard.trust.doubts import find_doubts
from tests.support.runs_by_hand import HELD, made_run, samples_of

MOST_BYTES, MOST_PAGE = 1_500_000_000, 2_000_000


@dataclass(frozen=True)
class Cost:
    """Seconds of the processor and bytes of memory that a command took, and its exit code."""

    cpu_s: float
    peak: int
    code: int


# In a small process between: a process that is started has the memory of who starts it counted as its own.
STARTER = """
import os, sys
silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
child = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ, file_actions=silent)
_, status, used = os.wait4(child, 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


def cost_of(words: Sequence[str]) -> Cost:
    command = [sys.executable, "-c", STARTER, *words]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu_s, kilobytes, code = told.split()
    return Cost(float(cpu_s), int(kilobytes) * 1024, int(code))


def many_scenarios(folder: Path, count: int, limits: dict[str, str], n: int = 1000) -> Run:
    """A judged run of scenarios with one step each; every tenth one fails."""
    slugs = [f"scenario_{number:05}" for number in range(count)]
    objectives = parse_objectives(
        {
            "defaults": {"error_rate": "< 10%"},
            "scenarios": {slug: {"step": "call", **limits} for slug in slugs},
        }
    )
    rng = np.random.default_rng(1)
    measured = {
        slug: samples_of(slug, ("call",), rng.lognormal(3 + (number % 10 == 0), 0.4, n))
        for number, slug in enumerate(slugs)
    }
    return judged(made_run(folder, objectives=objectives, invariants=[HELD], **measured))


def judged(run: Run) -> Run:
    run.put_doubts(find_doubts(run.record.scenarios, run.samples(), run.record.objectives))
    run.put_verdicts(verdicts_of(run))
    run.put_exit_code(run.record.deserved_exit_code)
    run.save()
    return run


def ten_thousand_verdicts(folder: Path) -> Run:
    return many_scenarios(folder, 2500, {"p50": "<= 30ms", "p95": "<= 75ms", "p99": "<= 120ms"})


def three_thousand_scenarios(folder: Path) -> Run:
    return many_scenarios(folder, 3000, {"p95": "<= 75ms"})


def ten_million_samples(folder: Path) -> Run:
    return many_samples(folder, 10_000_000)


def twenty_million_samples(folder: Path) -> Run:
    return many_samples(folder, 20_000_000)


def many_samples(folder: Path, n: int) -> Run:
    """One scenario with two steps, at 10 ms a sample and a few failures."""
    rng = np.random.default_rng(1)
    samples = samples_of(
        "upload",
        ("put", "get"),
        rng.lognormal(3, 0.4, n),
        outcome=np.where(rng.random(n) < 1e-4, 2, 0),
        step=np.arange(n) % 2,
    )
    objectives = parse_objectives(
        {
            "defaults": {"error_rate": "< 1%"},
            "scenarios": {"upload": {"step": "put", "p95": "<= 75ms"}},
        }
    )
    return judged(made_run(folder, objectives=objectives, upload=samples))


def a_thousand_runs(folder: Path) -> Run:
    """The same small run of a hundred series a thousand times, each with an id of its own."""
    run = many_scenarios(folder, 25, {"p95": "<= 75ms"}, 200)
    for number in range(999):
        other = Run(run.folder.with_name(f"{run.folder.name[:17]}{number:06x}"), run.record)
        other.folder.mkdir()
        os.link(run.samples_path, other.samples_path)
        other.record = structs.replace(run.record, id=f"{number:06x}")
        other.save()
    return run


@dataclass(frozen=True)
class Row:
    """A command on a world's run, and what it may take; `page` is what it writes, of 2 MB at most."""

    words: tuple[str, ...]
    aim_s: float
    page: str = ""
    told: str = ""

    @property
    def name(self) -> str:
        return self.told or self.words[0]


RUN, RUNS = "RUN", "RUNS"  # stand for the run's folder and the folder of all runs
REPORT = Row(("report", RUN), 5.0, "report.html")
JUDGE = Row(("judge", f"{RUN}/samples.parquet", "--objective", "upload/put p95 <= 75ms"), 5.0)
VERIFY = Row(("verify", RUN), 15.0)
HISTORY = ("history", "--runs-dir", RUNS)
HISTORIES = (
    Row(HISTORY, 10.0, told="history, all runs new"),
    Row(HISTORY, 1.0, told="history again"),
    Row((*HISTORY, "--html", f"{RUNS}/history.html"), 1.5, told="history and its page"),
)
SAMPLES, KEPT = f"{RUN}/samples.parquet", f"{RUNS}/history.parquet"
WORLDS: dict[str, tuple[Callable[[Path], Run], tuple[Row, ...], str]] = {
    "10,000 verdicts": (ten_thousand_verdicts, (REPORT, VERIFY), SAMPLES),
    "3,000 scenarios": (three_thousand_scenarios, (REPORT, VERIFY), SAMPLES),
    "10 million samples": (ten_million_samples, (replace(REPORT, aim_s=3.0),), SAMPLES),
    "20 million samples": (twenty_million_samples, (REPORT, VERIFY, JUDGE), SAMPLES),
    "1,000 runs": (a_thousand_runs, HISTORIES, KEPT),
}
READING = "import sys, pyarrow.parquet; pyarrow.parquet.ParquetFile(sys.argv[1]).read()"


def costs_of(name: str) -> Iterator[tuple[Row, Cost, int, Cost]]:
    """Yield what each command of a world takes, with the bytes of the page that it writes and the baseline's cost."""
    make, rows, read = WORLDS[name]
    with tempfile.TemporaryDirectory(prefix="tailguard-scale-") as made:
        run = make(Path(made))

        def filled(word: str) -> str:
            return word.replace(RUNS, made).replace(RUN, str(run.folder))

        for row in rows:
            cost = cost_of(["-m", "tailguard", *map(filled, row.words)])
            page = (run.folder / row.page).stat().st_size if row.page else 0
            yield row, cost, page, cost_of(["-c", READING, filled(read)])


def printed(name: str) -> Iterator[bool]:
    """Print what each command of a world takes, and yield whether that is within its aim."""
    for row, cost, page, baseline in costs_of(name):
        met = cost.cpu_s <= row.aim_s and cost.peak <= MOST_BYTES and page <= MOST_PAGE
        print(
            f"{name:<20}{row.name:<22}{cost.cpu_s:>7.1f} s of {row.aim_s:<4g}"
            f"{cost.cpu_s / baseline.cpu_s:>6.1f} x reading"
            f"{cost.peak / 1e9:>6.2f} GB of {MOST_BYTES / 1e9:g}  {f'{page / 1e6:.2f} MB' if page else '':<9}"
            f"exit {cost.code:<4}{'' if met else 'NOT MET'}",
            flush=True,
        )
        yield met


def figures() -> Iterator[Figure]:
    """Yield what each command of each world takes."""
    for name in WORLDS:
        for row, cost, page, baseline in costs_of(name):
            size = f", {page / 1e6:.1f} MB" if page else ""
            yield Figure(
                f"{row.name}, {name}",
                f"{cost.cpu_s:.1f} s of CPU, {cost.peak / 1e9:.1f} GB{size}",
                f"{cost.cpu_s / baseline.cpu_s:.1f} x reading the file with pyarrow",
                f"≤ {row.aim_s:g} s",
                cost.cpu_s <= row.aim_s and cost.peak <= MOST_BYTES and page <= MOST_PAGE,
            )


def main(names: Sequence[str]) -> int:
    met = [each for name in names or WORLDS for each in printed(name)]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
