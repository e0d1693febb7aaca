"""The page of a history. A page of its own: a report needs no statistics of series."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from markupsafe import Markup

from tailguard.compare.series.findings import Series
from tailguard.record.files import REPORTS
from tailguard.report.charts.history_chart import chart_of
from tailguard.report.page import environment, policy, source
from tailguard.report.views import history_view


def report_pages(runs_dir: Path, seen_from: Path) -> dict[str, str]:
    """Return the address of each run's report, by the run's id, as seen from a page in the folder `seen_from`."""
    return {
        page.parent.name.rpartition("-")[2]: quote(os.path.relpath(page, seen_from))
        for page in runs_dir.glob(f"*/{REPORTS[0]}")
    }


def history_page_of(series: tuple[Series, ...], pages: Mapping[str, str] = MappingProxyType({})) -> str:
    """Render the page of a history: a chart for each series, what changed first. It has no script.

    `pages` are the addresses of runs' reports, by the run's id.
    """
    groups = history_view.groups_of(series)
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            runs=len({run for each in series for run in each.points.run}),
            pages=pages,
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
