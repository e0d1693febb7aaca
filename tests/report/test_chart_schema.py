"""Charts are not held against Vega-Lite's schema when a report is written: they are here."""

from pathlib import Path

import altair as alt

from tailguard.report.charts.rendered_charts import charts_of
from tests.support.finished_runs import finished_run


def test_the_charts_of_each_kind_of_run_are_valid(tmp_path: Path) -> None:
    drawn = 0
    for kind in ("chaos", "proof"):
        run = finished_run(kind, tmp_path / kind)
        charts = charts_of(run.record, run.samples() if run.record.scenarios else {}, live=run.live_samples())
        figures = [*charts.migrations, *(each for figures in charts.live for each in figures)]
        figures += [each for steps in charts.steps.values() for figures in steps.values() for each in figures]
        for figure in figures:
            if figure.spec is not None:
                alt.Chart.from_dict(figure.spec, validate=True)
                drawn += 1
    assert drawn > 0
