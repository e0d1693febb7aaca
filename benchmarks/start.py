"""How long a user waits around a run: from the command to its first sample, and from its last sample to the prompt.

`python -m benchmarks.start [--rounds 5]`: an empty scenario is measured for a second by the installed command, with no
server, an embedded PostgreSQL, and PostgreSQL and S3. Each round plays all three, with `python -c pass` between, and
the least of each column counts, because a busy machine only adds. The report is written before the prompt.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure

SUITE = """
import time
from pathlib import Path
import tailguard as tg

MARK = Path("marks")

@tg.scenario(slo=["nothing p95 <= 1s"])
def nothing(it, FIXTURES):
    with it.step("nothing"):
        MARK.open("a").write(f"{time.monotonic()}\\n")
"""
# What a scenario needs -> its fixtures, and the most seconds until its first sample.
NEEDS = {
    "without a server": ("", 1.0),
    "PostgreSQL": ("postgres", 3.0),
    "PostgreSQL and S3": ("postgres, s3", 4.0),
}
END_S = 1.0


@dataclass(frozen=True, slots=True)
class Waited:
    """Seconds from the command to the first sample, and from the last one to the end."""

    first_s: float
    end_s: float


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    for each in figures(parser.parse_args().rounds):
        print(f"{each.what:<45} {each.ours:>8}  {each.aim:<8} {each.beside}")
    print(f"load {os.getloadavg()[0]:.1f}")


def figures(rounds: int = 5) -> Iterator[Figure]:
    """Yield the least of all rounds, of each wait."""
    found: dict[str, list[Waited]] = {name: [] for name in NEEDS}
    bare: list[float] = []
    for _ in range(rounds):
        bare.append(bare_python())
        for name, (fixtures, _) in NEEDS.items():
            found[name].append(waited(fixtures))
    python_s = min(bare)
    for name, (_, aim_s) in NEEDS.items():
        first_s, end_s = min(each.first_s for each in found[name]), min(each.end_s for each in found[name])
        yield _figure(f"from the command to the first sample, {name}", first_s, aim_s, python_s)
        yield _figure(f"from the last sample to the prompt, {name}", end_s, END_S, python_s)


def _figure(what: str, seconds: float, aim_s: float, python_s: float) -> Figure:
    beside = f"{seconds / python_s:.0f} x `python -c pass` ({python_s * 1e3:.0f} ms)"
    return Figure(what, f"{seconds:.2f} s", beside, f"≤ {aim_s:g} s", seconds <= aim_s)


def bare_python() -> float:
    """Return the seconds of an interpreter that does nothing."""
    began_s = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.monotonic() - began_s


def waited(fixtures: str) -> Waited:
    """Run a scenario that needs `fixtures` once, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "suite.py").write_text(SUITE.replace(", FIXTURES", f", {fixtures}" * bool(fixtures)))
        command = [str(Path(sys.executable).parent / "tailguard"), "run", "suite.py", "--duration", "1s"]
        began_s = time.monotonic()
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
        ended_s = time.monotonic()
        assert done.returncode in {0, 65, 75}, done.stdout + done.stderr
        marks = [float(line) for line in Path(folder, "marks").read_text().split()]
        return Waited(marks[0] - began_s, ended_s - marks[-1])


if __name__ == "__main__":
    main()
