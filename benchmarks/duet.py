"""How good the regression gate is on this machine: duets of the same code, and of code made worse on purpose.

`python -m benchmarks.duet [--tries 10] [--pairs 20] [--until HH:MM] [--scenario NAME ...]`; cases in turn, so that an
early end leaves as many tries of each. Each try is a whole `tailguard duet`, judged by its exit code.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CASES = {
    "same code": "",
    "+10 % delay": "delay_pct=10",
    "tail: 3 % of the requests 5x": "tail=0.03x5",
    "errors: 2 %": "error_rate=0.02",
}
# What the baseline has, too: the platform's own errors, over which those of the candidate must be seen.
BASELINE = {"errors: 2 %": "error_rate=0.001"}
WORDS = {0: "PASS", 99: "FAIL", 75: "INCONCLUSIVE", 65: "INVALID"}


def main() -> None:
    """Print a line a try and the table at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--until", help="local time HH:MM after which no try begins")
    parser.add_argument("--scenario", action="append", default=[])
    parser.add_argument("--case", action="append", choices=[*CASES], default=[])
    options = parser.parse_args()
    results: dict[str, list[str]] = {case: [] for case in options.case or CASES}
    for number in range(options.tries):
        for case, outcomes in results.items():
            if options.until and time.strftime("%H:%M") >= options.until:
                break
            began_s = time.monotonic()
            word, pairs = duet(BASELINE.get(case, ""), CASES[case], options)
            outcomes.append(word)
            print(
                f"try {number + 1}, {case}: {word} after {pairs} pairs, {time.monotonic() - began_s:.0f} s",
                flush=True,
            )
    print(f"\n{'case':<32} {'tries':>5}  " + "  ".join(f"{word:>12}" for word in WORDS.values()))
    for case, outcomes in results.items():
        print(
            f"{case:<32} {len(outcomes):>5}  "
            + "  ".join(f"{outcomes.count(word):>12}" for word in WORDS.values())
        )


def duet(baseline: str, faults: str, options: argparse.Namespace) -> tuple[str, int]:
    """Return the verdict of one duet and its pairs."""
    with tempfile.TemporaryDirectory() as runs:
        scenarios = [word for name in options.scenario for word in ("--scenario", name)]
        command = [
            *(sys.executable, "-m", "tailguard", "duet", "--candidate-env", f"TAILGUARD_FAULTS={faults}"),
            *("--baseline-env", f"TAILGUARD_FAULTS={baseline}"),
            *("--pairs", str(options.pairs), "--set", f"runs_dir={runs}", *scenarios),
        ]
        done = subprocess.run(command, capture_output=True, check=False)
        records = list(Path(runs).glob("*/run.json"))
        pairs = json.loads(records[0].read_text(encoding="utf-8"))["duet"].get("pairs", 0) if records else 0
        if done.returncode not in WORDS:
            print(done.stderr.decode(errors="replace")[-2000:], flush=True)
        return WORDS.get(done.returncode, f"exit {done.returncode}"), pairs


if __name__ == "__main__":
    main()
