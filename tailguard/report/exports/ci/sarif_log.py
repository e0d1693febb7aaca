"""SARIF 2.1.0 as a format: rules and results, for code scanning of GitHub and Azure DevOps, and for editors."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from tailguard.base.output.escaping import visible
from tailguard.record.part import Json

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class SarifRule:
    """What a result may have broken. `page` is its documentation in Markdown; `uri` is the address of one."""

    id: str
    summary: str
    description: str = ""
    page: str = ""
    uri: str = ""


@dataclass(frozen=True, slots=True)
class SarifResult:
    """One thing that is wrong, at a line of a file; `path` is from the repository's top.

    `fingerprint` is the same in each log that tells the same thing; without one, GitHub takes the line's own text.
    """

    rule: str
    level: Level
    text: str
    path: str
    line: int = 1
    fingerprint: str = ""


def sarif_log(rules: Iterable[SarifRule], results: Iterable[SarifResult], version: str | None) -> str:
    """Return one log with one run; `version` is that of the Tailguard that found them, None if it is unknown."""
    driver = {
        "name": "Tailguard",
        **({"version": version} if version else {}),
        "rules": [_rule(each) for each in rules],
    }
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(each) for each in results]}],
    }
    return visible(json.dumps(log, ensure_ascii=False, indent=1)) + "\n"


def _rule(rule: SarifRule) -> dict[str, Json]:
    described: dict[str, Json] = {"fullDescription": {"text": rule.description}}
    page: dict[str, Json] = {"help": {"text": rule.page, "markdown": rule.page}}
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        **(described if rule.description else {}),
        **(page if rule.page else {}),
        **({"helpUri": rule.uri} if rule.uri else {}),
    }


def _result(found: SarifResult) -> dict[str, Json]:
    place: Json = {"artifactLocation": {"uri": quote(found.path)}, "region": {"startLine": found.line}}
    same: dict[str, Json] = {"partialFingerprints": {"tailguard/v1": found.fingerprint}}
    return {
        "ruleId": found.rule,
        "level": found.level,
        "message": {"text": found.text},
        "locations": [{"physicalLocation": place}],
        **(same if found.fingerprint else {}),
    }
