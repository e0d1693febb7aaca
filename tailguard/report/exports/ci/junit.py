"""JUnit XML: a test per verdict, with its evidence as `slo.*` properties, as the pytest guards write it."""

from collections import Counter
from xml.etree import ElementTree as ET

from tailguard.base.output.escaping import visible
from tailguard.base.state import State
from tailguard.record.run import Run
from tailguard.record.verdict import (
    AnswersVerdict,
    ChangeVerdict,
    DriftVerdict,
    ObjectiveVerdict,
    PlanVerdict,
    ProofVerdict,
    Verdict,
    WindowVerdict,
)

_ELEMENT = {State.FAIL: "failure", State.INVALID: "error", State.INCONCLUSIVE: "skipped"}


def export(run: Run) -> dict[str, str]:
    """FAIL is a failure, INVALID an error, INCONCLUSIVE a skip with its reason; PASS says nothing."""
    verdicts = run.record.verdicts
    counted = Counter(verdict.state for verdict in verdicts)
    counts = {
        "tests": str(len(verdicts)),
        "failures": str(counted[State.FAIL]),
        "errors": str(counted[State.INVALID]),
        "skipped": str(counted[State.INCONCLUSIVE]),
    }
    root = ET.Element("testsuites", counts)
    stamp = run.record.created_utc.removesuffix("Z")
    suite = ET.SubElement(root, "testsuite", {"name": "tailguard", "timestamp": stamp, "time": "0", **counts})
    for verdict in verdicts:
        _case(suite, verdict)
    ET.indent(root)
    return {"junit.xml": ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"}


def _case(suite: ET.Element, verdict: Verdict) -> None:
    name = {"classname": f"slo.{_place(verdict)}", "name": verdict.name, "time": "0"}
    case = ET.SubElement(suite, "testcase", {key: visible(text) for key, text in name.items()})
    properties = ET.SubElement(case, "properties")
    for key, value in {"verdict": verdict.state, **_evidence(verdict)}.items():
        if value is not None:
            ET.SubElement(properties, "property", {"name": f"slo.{key}", "value": visible(str(value))})
    if verdict.state in _ELEMENT:
        ET.SubElement(case, _ELEMENT[verdict.state], {"message": visible(verdict.why)})


def _place(verdict: Verdict) -> str:
    match verdict:
        case PlanVerdict():
            return "plans"
        case ProofVerdict():
            return f"migration {verdict.migration}"
        case DriftVerdict():
            return verdict.scenario or "soak"
        case ObjectiveVerdict() | ChangeVerdict() | WindowVerdict():
            return verdict.scenario
        case AnswersVerdict():
            return "shadow"


def _evidence(verdict: Verdict) -> dict[str, float | str | None]:
    match verdict:
        case ObjectiveVerdict():
            return _objective_evidence(verdict)
        case ChangeVerdict():
            return {
                "quantile": verdict.q,
                "limit_ratio": verdict.margin,
                "observed_ratio": verdict.change,
                "ci_low_ratio": verdict.low,
                "ci_high_ratio": verdict.high,
                "n": verdict.pairs,
                "exceed": verdict.slower,
            }
        case DriftVerdict():
            return {
                "limit_per_hour": verdict.limit,
                "observed_per_hour": verdict.slope,
                "ci_low_per_hour": verdict.low,
                "ci_high_per_hour": verdict.high,
                "n": verdict.groups,
            }
        case WindowVerdict() | AnswersVerdict():
            return _counted_evidence(verdict)
        case PlanVerdict():
            return {"baseline_blocks": verdict.baseline_blocks, "candidate_blocks": verdict.candidate_blocks}
        case ProofVerdict():
            return {
                "expected": verdict.expected,
                "observed": verdict.observed,
                "n": verdict.n,
                "exceed": verdict.exceedances,
            }


def _counted_evidence(verdict: WindowVerdict | AnswersVerdict) -> dict[str, float | str | None]:
    if isinstance(verdict, AnswersVerdict):
        return {"n": verdict.n, "exceed": verdict.differing}
    return {"n": verdict.n, "exceed": verdict.exceedances, "windows": verdict.windows}


def _objective_evidence(verdict: ObjectiveVerdict) -> dict[str, float | str | None]:
    objective, observed = verdict.objective, verdict.observed
    unit = {"latency": "ms", "value": "value"}.get(objective.metric, "ratio")
    return {
        "quantile": objective.q,
        f"limit_{unit}": objective.limit,
        f"observed_{unit}": observed.value if observed else None,
        f"ci_low_{unit}": observed.low if observed else None,
        f"ci_high_{unit}": observed.high if observed else None,
        "n": verdict.n,
        "exceed": verdict.exceedances,
    }
