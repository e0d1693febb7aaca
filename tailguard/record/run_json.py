"""run.json: a record as text and back. Strict when read; without a secret when written.

`python -m tailguard.record.run_json` writes its JSON Schema, schema.json beside this file.
"""

import hashlib
from inspect import cleandoc
from pathlib import Path
from typing import TypeVar

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.reading import json_text
from tailguard.base.reading.regular_file import read_bounded
from tailguard.base.secrets import mask_all
from tailguard.record.files import naming_broken
from tailguard.record.part import Document, Json, Part
from tailguard.record.run_record import RunRecord

# Four times what 3,000 scenarios and 10,000 verdicts take.
MOST_BYTES = 128 << 20
SCHEMA = 2  # moves when a reader of the old run.json would misread the new one
# The Tailguard that reads the records of an older schema.
READERS = {1: "0.1"}

P = TypeVar("P")


class OtherSchemaError(UsageError):
    """The record of another version."""


class _AnySchema(msgspec.Struct):
    """The one field that a record of any schema has."""

    schema: int


def read_record(path: Path) -> RunRecord:
    """Return the record in the file `path`.

    Raises UsageError if it cannot be read, OtherSchemaError if it has another schema, and BrokenRunError with the place
    in it if it is broken.
    """
    text = read_bounded(path, MOST_BYTES)
    with naming_broken(path):
        schema = json_text.decode(text, _AnySchema).schema
        if schema != SCHEMA:
            raise OtherSchemaError(_other_schema(path, schema))
        record = decode(text, RunRecord)
        json_text.refuse_ambiguous(text)
        return record


def record_text(record: RunRecord) -> bytes:
    """Return the record as JSON in UTF-8: masked, with its own hash."""
    read = masked(record)
    hashed = msgspec.structs.replace(read, sha256=record_sha256(read))
    return msgspec.json.format(encode(hashed), indent=1) + b"\n"


def masked(record: RunRecord) -> RunRecord:
    """Return the record as a reader of its run.json has it: without a secret."""
    if record.sha256 == record_sha256(record):
        return record  # it was read from there, and is as it was written
    # Read back at once: what is written can be read, and its hash is of what a reader will have.
    return decode(msgspec.json.encode(mask_all(plain(record))), RunRecord)


def record_sha256(record: RunRecord) -> str:
    """Return the SHA-256 of a record that was read: of its compact JSON with an empty `sha256`."""
    return hashlib.sha256(encode(msgspec.structs.replace(record, sha256=""))).hexdigest()


def plain(part: Part) -> Json:
    """Return a part as JSON's own values: what is masked, compared by `verify` and printed with --json."""
    value: Json = msgspec.json.decode(encode(part))
    return value


def decode(text: bytes, kind: type[P]) -> P:
    """Return the part, or the list of them, that `text` holds. Raises JsonError with the place in it."""
    return json_text.decode(text, kind, dec_hook)


def encode(part: Part) -> bytes:
    """Return a part as compact JSON."""
    return msgspec.json.encode(part, enc_hook=enc_hook)


def enc_hook(value: object) -> object:
    """Tell msgspec how the only type of a record that it does not know is written."""
    if isinstance(value, Document):
        return value.value
    raise TypeError(f"a record holds Python's own numbers and texts, not {type(value).__name__} {value!r}")


def dec_hook(_: type, value: object) -> Document:
    """Tell msgspec how that type is read."""
    if isinstance(value, dict):
        return Document(value)
    raise TypeError(f"Expected `object`, got `{type(value).__name__}`")


def _other_schema(path: Path, schema: int) -> str:
    if schema in READERS:
        reader = f"Tailguard {READERS[schema]}"
    else:
        reader = "a newer Tailguard" if schema > SCHEMA else "an older Tailguard"
    return f"{path} has schema {schema}, which {reader} reads; this one reads {SCHEMA}. Use that one, or measure again."


def schema_text() -> str:
    """Return the JSON Schema of a record as text."""
    document = msgspec.json.schema(RunRecord, schema_hook=_schema_of)
    for part in document["$defs"].values():
        part["description"] = cleandoc(part["description"])
    text = msgspec.json.encode({"$schema": "https://json-schema.org/draft/2020-12/schema", **document})
    return msgspec.json.format(text, indent=1).decode() + "\n"


def _schema_of(kind: type) -> dict[str, str]:
    """Return the schema of the only type that msgspec does not know."""
    assert kind is Document
    return {"type": "object"}


if __name__ == "__main__":
    Path(__file__).with_name("schema.json").write_text(schema_text(), encoding="utf-8")
