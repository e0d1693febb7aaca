"""The page of a history. A page of its own: a report needs no statistics of series."""

from markupsafe import Markup

from tailguard.compare.series.findings import Series
from tailguard.report.charts.history_chart import chart_of
from tailguard.report.page import environment, policy, source
from tailguard.report.views import history_view


def history_page_of(series: tuple[Series, ...]) -> str:
    """Render the page of a history: a chart for each series, what changed first. It has no script."""
    groups = history_view.groups_of(series)
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            runs=len({run for each in series for run in each.points.run}),
            rate=history_view.rate_of(series),
            told=[
                sentence for _, own in groups for each in own for sentence in history_view.changes_of(each)
            ],
            groups=[
                (heading, [(history_view.line_of(each), chart_of(each)) for each in own])
                for heading, own in groups
            ],
            style=Markup(source("report.css") + source("history.css")),  # noqa: S704  # our own files
            policy=policy(),
        )
    )
