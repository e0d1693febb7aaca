"""The report as one HTML file that needs no network and runs no script but its own."""

import base64
import functools
import hashlib
import re
from collections.abc import Sequence

import jinja2
from markupsafe import Markup, escape

from tailguard.base.output.escaping import visible
from tailguard.compare import gate_sentences
from tailguard.report.charts.drawn import RenderedCharts, why_not_drawn
from tailguard.report.charts.kept_library import kept_chart_library
from tailguard.report.own_template import BASE, OwnTemplate
from tailguard.report.views import (
    change_view,
    chaos_view,
    duet_view,
    environment_view,
    numbers,
    scenario_view,
    statements_view,
)
from tailguard.report.views.kinds import shadow_view, soak_view
from tailguard.report.views.proof import ddl_view, index_tradeoff, live_view, migration_view, sentences
from tailguard.report.views.view import ReportView

_TEMPLATES = jinja2.PackageLoader("tailguard.report", "templates")
# What puts the record's structs into words: templates call `numbers.ms(...)` as Markdown and terminal do.
_WORDS = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        change_view,
        chaos_view,
        ddl_view,
        duet_view,
        environment_view,
        gate_sentences,
        index_tradeoff,
        live_view,
        migration_view,
        numbers,
        scenario_view,
        sentences,
        shadow_view,
        soak_view,
        statements_view,
    )
}


def page_of(
    view: ReportView,
    charts: RenderedCharts,
    sections: Sequence[Markup] = (),
    previous_page: str = "",
    template: OwnTemplate | None = None,
) -> str:
    """Render the page. Everything that comes from the run is escaped by Jinja.

    `sections` are the suite's own HTML. `previous_page` is the address of the previous run's page, seen from this one.
    Raises UsageError with the line if the suite's own `template` is wrong.
    """
    library, behaviour = _chart_library(), source("report.js")
    values = {
        "view": view,
        "charts": charts,
        "sections": sections,
        "previous_page": previous_page,
        "style": Markup(source("report.css")),  # noqa: S704  # our own file
        "library": Markup(library),  # noqa: S704  # the library's own code, checked below
        "behaviour": Markup(behaviour),  # noqa: S704  # our own file
        "policy": policy(library, behaviour),
    }
    if template is not None:
        return template.rendered(environment(), **values)
    return environment().get_template(BASE).render(values)


@functools.cache
def environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=_TEMPLATES,
        autoescape=True,
        finalize=_without_controls,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= _WORDS
    environment.filters["code"] = _with_code
    return environment


def _with_code(text: str) -> Markup:
    """Return a text with what stands between backticks as code, all of it escaped."""
    escaped = str(escape(visible(text)))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))  # noqa: S704  # escaped above


def _without_controls(value: object) -> object:
    return visible(value) if type(value) is str else value  # Markup is ours


@functools.cache
def _chart_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, kept out of the page's own names.

    Without the part that draws charts, there are none and no script.
    """
    if why_not_drawn():
        return ""
    script = kept_chart_library()
    assert "</script" not in script.lower(), "the library would end its own element"
    return f"(()=>{{{script}}})();"


def source(name: str) -> str:
    return _TEMPLATES.get_source(environment(), name)[0]


def policy(*scripts: str) -> str:
    """A Content-Security-Policy under which only these very scripts run and nothing is loaded.

    Styles are open because charts and plan trees carry style attributes.
    """
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
