"""What a scenario states beside its code: its limits, and how often it expects to be refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits as people write them.

    Attributes:
        slo: such as "pay p99 <= 900ms".
        refusals: the share of each refusal by its name in the record, such as {"HTTP 409": "<= 1%"}.
    """

    slo: tuple[str, ...] = ()
    refusals: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether anything is limited."""
        return bool(self.slo or self.refusals)
