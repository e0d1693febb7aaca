"""Progress for a waiting user: the lines of the logger "tailguard" on standard error."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tailguard.base.output.streams import say
from tailguard.base.secrets import mask


class LineHandler(logging.Handler):
    """Writes each message as a line; one from WARNING on says what it is."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it to the standard error of this moment: a live display takes that over."""
        kind = f"{record.levelname.capitalize()}: " if record.levelno >= logging.WARNING else ""
        say(*f"{kind}{mask(record.getMessage())}".split("\n"), err=True)


@contextmanager
def shown_lines() -> Iterator[None]:
    """Show what Tailguard logs, from INFO on, while the `with` lasts."""
    logger, handler = logging.getLogger("tailguard"), LineHandler()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
