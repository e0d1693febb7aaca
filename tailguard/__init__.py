"""Tailguard: is this change safe? Performance benchmarks and SLO guards, with verdicts that are right."""

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, such as `main(["run", "--profile", "ci"])`, and return its exit code; None reads sys.argv."""
    from tailguard.cli.main import run_cli  # noqa: PLC0415  # `import tailguard` stays light

    return run_cli(argv)
