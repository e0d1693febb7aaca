"""The JSON Schema of run.json: `python -m tailguard.record.schema` writes schema.json beside this file."""

from inspect import cleandoc
from pathlib import Path

import msgspec

from tailguard.record.part import Document
from tailguard.record.run_record import RunRecord

FILE = Path(__file__).with_name("schema.json")


def schema_text() -> str:
    """Return the schema as JSON text."""
    document = msgspec.json.schema(RunRecord, schema_hook=_object)
    for part in document["$defs"].values():
        part["description"] = cleandoc(part["description"])
    text = msgspec.json.encode({"$schema": "https://json-schema.org/draft/2020-12/schema", **document})
    return msgspec.json.format(text, indent=1).decode() + "\n"


def _object(kind: type) -> dict[str, str]:
    """Return the schema of the only type that msgspec does not know."""
    assert kind is Document
    return {"type": "object"}


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8")
