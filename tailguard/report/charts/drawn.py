"""Charts as a page holds them. How they are drawn is a part of its own, [report], that need not be installed."""

import json
from dataclasses import dataclass, field
from importlib.util import find_spec

from markupsafe import Markup

from tailguard.base.extras import command_of
from tailguard.record.part import Json

_FRAME = 300  # bytes of the elements around a chart


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure with its still picture; `svg` is empty if the budget had no room for one."""

    title: str
    caption: str
    spec: dict[str, Json] | None
    svg: str
    wide: bool

    @property
    def size(self) -> int:
        """Bytes in the page, about: the caption is there twice, once as the label of the picture."""
        return _size(self.spec) + len(self.svg) + 2 * len(self.caption) + _FRAME


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that needs no script, and what it shows in words."""

    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class RenderedCharts:
    """The drawn figures of each scenario's steps and load, each migration, its proof, a duet's pairs, a soak.

    `absent` says why there are none of a step.

    `small` are the charts, as SVG, in the lines of folded scenarios.
    """

    steps: dict[str, dict[str, tuple[Drawn, ...]]] = field(default_factory=dict)
    loads: dict[str, tuple[Drawn, ...]] = field(default_factory=dict)
    small: dict[str, Markup] = field(default_factory=dict)
    migrations: tuple[Drawn, ...] = ()
    live: tuple[tuple[Drawn, ...], ...] = ()
    pairs: tuple[Drawn, ...] = ()
    soak: tuple[Picture, ...] = ()
    absent: str = "No samples of this step are in the run's folder."


def _size(spec: dict[str, Json] | None) -> int:
    return 0 if spec is None else len(json.dumps(spec))


def why_not_drawn() -> str:
    """Say why no chart can be drawn here, "" if they can."""
    if find_spec("vl_convert"):
        return ""
    return f"No chart: the part that draws them is not installed; {command_of('report')} adds it."
