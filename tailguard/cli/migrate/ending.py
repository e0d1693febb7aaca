"""How a proof's run ends, whatever ends it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tailguard.record.run_record import Ended

if TYPE_CHECKING:
    from tailguard.record.run import Run


@contextmanager
def ending(run: "Run") -> Iterator[None]:
    """Say in the run how the block ended. An interrupted proof is judged and reported like any other."""
    try:
        yield
    except KeyboardInterrupt:
        run.finish(Ended.INTERRUPTED)
    except BaseException as error:
        run.finish(Ended.BROKE_OFF, str(error))
        raise
    else:
        run.finish(Ended.COMPLETE)
