"""Where the time of a duet's pairs goes: duets of the reference suite with equal sides, from their runs' records.

`python -m benchmarks.duet_time [--scenario NAME ...] [--pairs 13] [--rounds 1] [--tree FOLDER ...]`; several trees,
each with a .venv, take turns, so that a noisy minute meets all of them. CPU is that of all processes, PostgreSQL's too,
and of the whole command. Without --scenario all of the suite are measured.
"""

import argparse
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

COLUMNS = {"wall": 6, "measure": 8, "start": 6, "fill": 6, "check": 6, "rest": 6, "CPU": 6}
HERE = Path(__file__).resolve().parent.parent


class Time(msgspec.Struct):
    """A duet's `time` in run.json: seconds of all its pairs."""

    wall_s: float
    measuring_s: float
    starts_s: float
    seeding_s: float
    checks_s: float


class Duet(msgspec.Struct):
    time: Time
    blocks: list[msgspec.Raw]


class RunJson(msgspec.Struct):
    duet: Duet


@dataclass(frozen=True, slots=True)
class Played:
    """One duet: seconds a pair, and the whole command's by the wall clock and by CPU."""

    time: Time
    pairs: int
    cpu_s: float

    def columns(self) -> tuple[float, ...]:
        time, known = self.time, self.time.starts_s + self.time.seeding_s + self.time.checks_s
        parts = (time.wall_s, time.measuring_s, time.starts_s, time.seeding_s, time.checks_s)
        rest_s = time.wall_s - time.measuring_s - known
        return tuple(each / self.pairs for each in (*parts, rest_s, self.cpu_s))


def main() -> None:
    """Print a line per duet, and each tree's least."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenario", action="append", default=[])
    parser.add_argument("--pairs", type=int, default=13)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--tree", type=Path, action="append", default=[])
    options = parser.parse_args()
    trees = [tree.resolve() for tree in options.tree] or [HERE]
    print(f"{'seconds a pair':<24} " + " ".join(f"{name:>{width}}" for name, width in COLUMNS.items()))
    least: dict[Path, tuple[float, ...]] = {}
    for _ in range(options.rounds):
        for tree in trees:
            row = played(tree, options.scenario, options.pairs).columns()
            least[tree] = tuple(map(min, row, least.get(tree, row)))
            print(_line(f"{tree.name}, load {os.getloadavg()[0]:.0f}", row), flush=True)
    for tree, row in least.items():
        print(_line(f"{tree.name}, least", row))


def played(tree: Path, scenarios: list[str], pairs: int) -> Played:
    """Play a duet of a tree with itself; both sides are equal."""
    with tempfile.TemporaryDirectory() as runs:
        chosen = [word for name in scenarios for word in ("--scenario", name)]
        words = ["duet", "--candidate-env", "TAILGUARD_FAULTS=", "--pairs", str(pairs), *chosen]
        command = [str(tree / ".venv/bin/tailguard"), *words, "--set", f"runs_dir={runs}"]
        with (Path(runs) / "said").open("w+b") as said:
            process = subprocess.Popen(command, cwd=tree, stdout=said, stderr=said)
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
            said.seek(0)
            found = list(Path(runs).glob("*-*/run.json"))
            assert found, said.read().decode(errors="replace")
        duet = msgspec.json.decode(found[0].read_bytes(), type=RunJson).duet
        return Played(duet.time, len(duet.blocks), usage.ru_utime + usage.ru_stime)


def _line(name: str, row: tuple[float, ...]) -> str:
    return f"{name:<24} " + " ".join(
        f"{each:{width}.2f}" for each, width in zip(row, COLUMNS.values(), strict=True)
    )


if __name__ == "__main__":
    main()
