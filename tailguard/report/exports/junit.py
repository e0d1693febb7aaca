"""JUnit XML: a test a verdict, with its evidence as `slo.*` properties, as the pytest guards write it."""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from tailguard.record.run import Run

# XML 1.0 has no place for these, escaped or not.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENT = {"FAIL": "failure", "INVALID": "error", "INCONCLUSIVE": "skipped"}


def export(run: Run) -> dict[str, str]:
    """FAIL is a failure, INVALID an error, INCONCLUSIVE a skip with its reason; PASS says nothing."""
    verdicts = run.record["verdicts"]
    counted = dict.fromkeys(_ELEMENT.values(), 0)
    for verdict in verdicts:
        if verdict["state"] in _ELEMENT:
            counted[_ELEMENT[verdict["state"]]] += 1
    counts = {
        "tests": str(len(verdicts)),
        "failures": str(counted["failure"]),
        "errors": str(counted["error"]),
        "skipped": str(counted["skipped"]),
    }
    root = ET.Element("testsuites", counts)
    stamp = str(run.record["created_utc"]).removesuffix("Z")
    suite = ET.SubElement(root, "testsuite", {"name": "tailguard", "timestamp": stamp, "time": "0", **counts})
    for verdict in verdicts:
        _case(suite, verdict)
    ET.indent(root)
    return {"junit.xml": ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"}


def _case(suite: ET.Element, verdict: Mapping[str, Any]) -> None:
    name = {"classname": f"slo.{verdict['scenario']}", "name": verdict["objective"], "time": "0"}
    case = ET.SubElement(suite, "testcase", {key: _clean(text) for key, text in name.items()})
    properties = ET.SubElement(case, "properties")
    for key, value in _evidence(verdict).items():
        if value is not None:
            ET.SubElement(properties, "property", {"name": f"slo.{key}", "value": _clean(str(value))})
    if verdict["state"] in _ELEMENT:
        ET.SubElement(case, _ELEMENT[verdict["state"]], {"message": _clean(str(verdict["why"]))})


def _evidence(verdict: Mapping[str, Any]) -> dict[str, Any]:
    observed = verdict["observed"] or {}
    unit = "ms" if verdict["unit"] == "ms" else "ratio"
    return {
        "verdict": verdict["state"],
        "quantile": verdict["q"],
        f"limit_{unit}": verdict["limit_ms"] if unit == "ms" else verdict["max_ratio"],
        f"observed_{unit}": observed.get("value"),
        f"ci_low_{unit}": observed.get("low"),
        f"ci_high_{unit}": observed.get("high"),
        "n": verdict["n"],
        "exceed": verdict["exceedances"],
    }


def _clean(text: str) -> str:
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", text)
