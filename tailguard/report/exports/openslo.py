"""OpenSLO v1 from the objectives: one definition for CI and production."""

from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.report.exports.production import Promise, promises
from tailguard.report.exports.yaml_text import yaml_of

SERVICE = "service"


def export(run: Run) -> dict[str, str]:
    """Return a document per promise: the share of good events of all, over 28 days."""
    documents = [_document(promise) for promise in promises(run)]
    return {"openslo.yaml": yaml_of(*documents)}


def _document(promise: Promise) -> Json:
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": promise.slug, "displayName": promise.title},
        "spec": {
            "description": f"The same promise that Tailguard holds a change against: {promise.title}.",
            "service": SERVICE,
            "indicator": {
                "metadata": {"name": f"{promise.slug}-indicator"},
                "spec": {
                    "ratioMetric": {
                        "counter": True,
                        "good": _source(promise.good),
                        "total": _source(promise.total),
                    }
                },
            },
            "timeWindow": [{"duration": "28d", "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [{"displayName": promise.title, "target": promise.target}],
        },
    }


def _source(query: str) -> Json:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}
