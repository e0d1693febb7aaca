"""Where the orders of a run come from: its socket, the record of another run, or nowhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tailguard.base.output.streams import say
from tailguard.engine.control.control import Control
from tailguard.pipeline.control.listener import listening
from tailguard.pipeline.control.replay import Replay
from tailguard.pipeline.control.run_control import RunControl
from tailguard.record.run import Run
from tailguard.record.run_record import Override


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders that a run takes: from its socket or, if there are `replayed` ones, those again."""

    replayed: tuple[Override, ...] | None = None

    @contextmanager
    def to(self, run: Run) -> Iterator[Control]:
        """Yield who obeys them; each is saved with the run at once. Raises UsageError if there can be no socket."""

        def keep(obeyed: Sequence[Override]) -> None:
            run.put_overrides(obeyed)
            run.save()

        keep(())
        if self.replayed is not None:
            yield (replay := Replay(self.replayed, keep))
            replay.end()
            return
        control = RunControl(keep)
        with listening(run.folder, control.obey):
            say(f"Takes orders: tailguard control {run.record.id} rate=80/s, pause, resume or stop", err=True)
            try:
                yield control
            finally:
                control.end()
