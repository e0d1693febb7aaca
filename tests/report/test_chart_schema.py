"""A report's charts are plain data, which no library checks: here Vega-Lite's own schema does."""

from collections.abc import Iterator
from pathlib import Path

import altair as alt
import pytest

from tailguard.record.run import Run
from tailguard.report import report
from tailguard.report.charts.drawn import Drawn
from tailguard.report.charts.rendered_charts import charts_of
from tests.support.finished_runs import finished_run


@pytest.mark.parametrize("kind", ["chaos", "proof", "duet"])
def test_the_charts_of_each_kind_of_run_are_valid(kind: str, tmp_path: Path) -> None:
    figures = [*figures_of(finished_run(kind, tmp_path))]
    assert figures
    for figure in figures:
        if figure.spec is not None:
            alt.Chart.from_dict(figure.spec, validate=True)


def figures_of(run: Run) -> Iterator[Drawn]:
    samples = run.samples() if run.record.scenarios else {}
    charts = charts_of(run.record, samples, live=run.live_samples(), blocks=report._blocks(run))
    yield from (*charts.migrations, *charts.pairs)
    for figures in (*charts.live, *charts.loads.values()):
        yield from figures
    for steps in charts.steps.values():
        for figures in steps.values():
            yield from figures
