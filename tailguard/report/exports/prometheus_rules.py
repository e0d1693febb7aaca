"""Prometheus rules from the objectives: the share of bad events, and alarms by burn rate; and the same for Sloth."""

import re

from tailguard.base.output.escaping import for_go_template
from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.report.exports.openslo import SERVICE
from tailguard.report.exports.production import Promise, promises
from tailguard.report.exports.yaml_text import yaml_of

# Burn rates and windows of "The Site Reliability Workbook", chapter 5, table 5-8: page at 14.4 and 6, ticket at 1.
_ALARMS = (("page", 14.4, "1h", "5m"), ("page", 6.0, "6h", "30m"), ("ticket", 1.0, "3d", "6h"))
_WINDOWS = ("5m", "30m", "1h", "6h", "3d")


def export(run: Run) -> dict[str, str]:
    """Return a rule file: recording rules of the bad share by window, and multi-window alarms."""
    groups = [_group(promise) for promise in promises(run)]
    return {"prometheus-rules.yaml": yaml_of({"groups": groups})}


def sloth(run: Run) -> dict[str, str]:
    """Return Sloth's specification (prometheus/v1), which makes such rules itself."""
    slos: list[Json] = [
        {
            "name": promise.slug,
            "objective": round(promise.target * 100, 10),
            "description": promise.title,
            "sli": {
                "events": {
                    "error_query": f"{_in_window(promise.total)} - {_in_window(promise.good)}",
                    "total_query": _in_window(promise.total),
                }
            },
            "alerting": {
                "name": f"Tailguard {promise.slug}",
                "page_alert": {"labels": {"severity": "page"}},
                "ticket_alert": {"labels": {"severity": "ticket"}},
            },
        }
        for promise in promises(run)
    ]
    return {"sloth.yaml": yaml_of({"version": "prometheus/v1", "service": SERVICE, "slos": slos})}


def _group(promise: Promise) -> Json:
    shares = [_bad_share_rule(promise, window) for window in _WINDOWS]
    alarms = [_alarm(promise, *alarm) for alarm in _ALARMS]
    return {"name": f"tailguard-{promise.slug}", "rules": [*shares, *alarms]}


def _bad_share_rule(promise: Promise, window: str) -> Json:
    labels: Json = {"slo": promise.slug}
    return {"record": _record(window), "labels": labels, "expr": _bad_share(promise, window)}


def _alarm(promise: Promise, severity: str, burn: float, long: str, short: str) -> Json:
    allowed = f"{burn:g} * {round(1 - promise.target, 12):g}"
    both = " and ".join(f'{_record(window)}{{slo="{promise.slug}"}} > {allowed}' for window in (long, short))
    return {
        "alert": f"BudgetBurn_{promise.slug.replace('-', '_')}",
        "expr": both,
        "labels": {"severity": severity, "slo": promise.slug},
        "annotations": {
            "summary": f"{for_go_template(promise.title)}: the error budget burns {burn:g} times too fast over {long}"
        },
    }


def _bad_share(promise: Promise, window: str) -> str:
    return f"1 - {_rate(promise.good, window)} / {_rate(promise.total, window)}"


def _record(window: str) -> str:
    return f"tailguard:bad_share:ratio_rate{window}"


def _in_window(query: str) -> str:
    return _rate(for_go_template(query), "{{.window}}")


def _rate(query: str, window: str) -> str:
    """`sum(x{...})` as `sum(rate(x{...}[window]))`."""
    return re.sub(r"^sum\((.*)\)$", rf"sum(rate(\1[{window}]))", query)
