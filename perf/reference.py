"""The reference platform's parts as plain data: whichever process opens it, opens the same one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from perf.store import Store
from reference.certificates import Metrics
from reference.faults import Faults
from reference.platform import DeltaCrown


@dataclass(frozen=True, slots=True)
class Reference:
    """`secret` signs its tokens, `faults` are those of TAILGUARD_FAULTS, `spectator` is whom subscribers come as."""

    conninfo: str = field(repr=False)
    secret: str = field(repr=False)
    faults: str
    store: Store | None
    spectator: int

    @contextmanager
    def open(self) -> Iterator[tuple[DeltaCrown, Metrics]]:
        """Open it while the `with` lasts; its storage counts in the metrics."""
        metrics = Metrics()
        storage = self.store.open(metrics) if self.store else None
        platform = DeltaCrown(
            self.conninfo, storage=storage, secret=self.secret, faults=Faults.parse(self.faults)
        )
        try:
            yield platform, metrics
        finally:
            platform.close()
