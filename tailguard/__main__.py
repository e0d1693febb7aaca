"""The `tailguard` command, awake to Ctrl-C before anything heavy is imported; what it can do is in cli.py."""

import sys

from tailguard.base.errors import InterruptedRunError, UsageError
from tailguard.base.interrupts import Interrupts
from tailguard.base.output.streams import Streams, say


def main() -> None:
    """Entry point of the `tailguard` command. SIGTERM ends it as Ctrl-C does: in good order, with all saved."""
    Interrupts().install()
    streams = Streams()
    streams.install()
    try:
        from tailguard.cli.main import run_cli  # noqa: PLC0415  # click takes long enough for a Ctrl-C to meet it

        code = run_cli()
    except KeyboardInterrupt:
        say("Interrupted.", err=True)
        code = InterruptedRunError.exit_code
    if lost := streams.lost():
        say(f"Error: Cannot write to standard output: {lost}. Nothing else was lost.", err=True)
        code = UsageError.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
