"""`python -m perf --samples 150`: the published smoke harness, so many samples of each scenario, judged."""

import argparse
import sys

import tailguard


def main() -> int:
    """Measure; returns the exit code of the verdicts."""
    parser = argparse.ArgumentParser(prog="python -m perf", description=__doc__)
    parser.add_argument("--samples", default="500", help="samples of each scenario (default: %(default)s)")
    samples = parser.parse_args().samples
    sizes = [f"--set=load.{key}={samples}" for key in ("min_samples", "max_samples")]
    return tailguard.main(["run", "--no-migrations", *sizes])


if __name__ == "__main__":
    sys.exit(main())
