"""The file of an experiment: a claim, and what differs between the two sides that it is tried on."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any  # Any: TOML's values, which the configuration checks

from msgspec import Meta, field

from tailguard.base.errors import UsageError
from tailguard.base.reading.toml_file import read_toml
from tailguard.compare.comparison import ComparedMetric
from tailguard.config.layers import flatten
from tailguard.config.option import OptionValue
from tailguard.duet.bisecting import parse_metric
from tailguard.duet.side_spec import SideSpec
from tailguard.http.declared.format import Table
from tailguard.http.declared.reading import convert
from tailguard.record.duet import Claim, SideName

_CLAIM = re.compile(r"(?P<metric>.+?)\s+[-\u2212](?P<percent>\d{1,2}(\.\d+)?)\s*%")
_ERRORS = " errors"
_RATE = re.compile(r"(?P<rate>\d{1,6}(\.\d{1,6})?)\s*/\s*s")


class SideTable(Table, frozen=True, forbid_unknown_fields=True):
    """[baseline] or [candidate]: what is this side's own. `set` has values of the configuration."""

    set: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    ref: str = ""
    folder: str = ""
    platform: str = ""
    url: str = ""
    command: str = ""

    def spec(self) -> SideSpec:
        """Return it as a duet takes it. Raises UsageError if it is several things at once."""
        spec = SideSpec(
            self.ref,
            self.folder,
            self.platform,
            self.environ,
            self.url,
            self.command,
            settings=dict(flatten(self.set)),
        )
        spec.check()
        return spec


class ExperimentTable(Table, frozen=True, forbid_unknown_fields=True):
    """The whole file. `claim` is such as "page p95 -60%" or "page errors -40%", `source` says who claims it; `set`
    holds for both sides, and `loads` are such as "50/s".
    """

    title: str
    claim: str
    source: str
    baseline: SideTable = field(default_factory=SideTable)
    candidate: SideTable = field(default_factory=SideTable)
    set: dict[str, Any] = field(default_factory=dict)
    loads: tuple[str, ...] = ()
    profile: str = "duet"
    pairs: Annotated[int, Meta(ge=10, le=10_000)] = 40
    minutes: Annotated[float, Meta(gt=0, le=10_080)] = 30.0

    @property
    def scenario(self) -> str:
        return self.claim.partition(" ")[0]

    @property
    def settings(self) -> Mapping[str, OptionValue]:
        """The values of the configuration for both sides, by dotted key."""
        return dict(flatten(self.set))

    @property
    def rates(self) -> list[float]:
        """The loads per second. Raises UsageError for one that does not parse, is 0, or is there twice."""
        found = [_RATE.fullmatch(load.strip()) for load in self.loads]
        rates = [float(each["rate"]) for each in found if each]
        if len({*rates}) < len(self.loads) or 0 in rates:
            raise UsageError(f'loads = {[*self.loads]}: write each once, such as ["50/s", "100/s"].')
        return rates

    def sides(self) -> dict[SideName, SideSpec]:
        """Return both sides. Raises UsageError if nothing differs."""
        if self.baseline == self.candidate:
            raise UsageError("[baseline] and [candidate] are the same: say what differs, such as set.KEY.")
        return {"baseline": self.baseline.spec(), "candidate": self.candidate.spec()}

    def parsed_claim(self, steps: Mapping[str, Sequence[str]]) -> Claim:
        """Return the claim; `steps` are each scenario's. Raises UsageError for what does not parse, or is not there."""
        found = _CLAIM.fullmatch(self.claim.strip())
        if found is None or float(found["percent"]) == 0:
            raise UsageError(
                f"claim = {self.claim!r}: write a scenario, its step, a percentile and how much less it becomes,"
                " such as 'page p95 -60%'; or the errors of a scenario, such as 'page errors -40%'."
            )
        metric = _metric(found["metric"], steps)
        return Claim(
            title=self.title,
            scenario=metric.scenario,
            step=metric.step,
            q=metric.q,
            change=-float(found["percent"]) / 100,
            source=self.source,
        )


def _metric(text: str, steps: Mapping[str, Sequence[str]]) -> ComparedMetric:
    scenario = text.removesuffix(_ERRORS).rstrip()
    if not text.endswith(_ERRORS):
        return parse_metric(text, steps, "claim =")
    if scenario not in steps:
        raise UsageError(
            f"claim = {text!r}: there is no scenario {scenario!r}, but {', '.join(steps)}."
            " Errors are those of a whole scenario."
        )
    return ComparedMetric(scenario, "", None)


def read_experiment(path: Path) -> ExperimentTable:
    """Return the file's content. Raises UsageError that names the file and the key."""
    return convert(read_toml(path)[0], ExperimentTable, str(path))
