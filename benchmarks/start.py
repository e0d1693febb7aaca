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
from dataclasses import dataclass
from pathlib import Path

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
NEEDS = {"nothing": ("", 1.0), "PostgreSQL": ("postgres", 3.0), "PostgreSQL and S3": ("postgres, s3", 4.0)}
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
    rounds = range(parser.parse_args().rounds)
    found: dict[str, list[Waited]] = {name: [] for name in NEEDS}
    bare: list[float] = []
    for _ in rounds:
        bare.append(bare_python())
        for name, (fixtures, _) in NEEDS.items():
            found[name].append(waited(fixtures))
    python_s = min(bare)
    print(f"load {os.getloadavg()[0]:.1f}; python -c pass {python_s:.3f} s")
    print(f"{'needs':<20} {'first sample':>13} {'aim':>5} {'x python':>9} {'last to prompt':>15} {'aim':>5}")
    for name, (_, aim_s) in NEEDS.items():
        first_s = min(each.first_s for each in found[name])
        end_s = min(each.end_s for each in found[name])
        print(
            f"{name:<20} {first_s:11.2f} s {aim_s:5.1f} {first_s / python_s:9.1f} {end_s:13.2f} s {END_S:5.1f}"
        )


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
