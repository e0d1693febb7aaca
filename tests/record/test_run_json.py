"""run.json: every record comes back as it was; nothing else is taken for one."""

import json
import os
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from tailguard.base.errors import UsageError
from tailguard.base.reading.json_text import JsonError
from tailguard.record import run_json
from tailguard.record.files import BrokenRunError
from tailguard.record.part import Document
from tailguard.record.run_json import MOST_BYTES, read_record, record_sha256, record_text, schema_text
from tailguard.record.run_record import RunRecord
from tests.support.any_part import parts
from tests.support.blank_record import a_record

pytestmark = pytest.mark.system

SCHEMA = Draft202012Validator(json.loads(schema_text()))
MANY = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def written(text: bytes, folder: Path) -> Path:
    path = folder / "run.json"
    path.write_bytes(text)
    return path


@MANY
@given(record=parts(RunRecord))
def test_every_record_comes_back_as_it_was(record: RunRecord, tmp_path: Path) -> None:
    back = read_record(written(record_text(record), tmp_path))
    assert msgspec.structs.replace(back, sha256=record.sha256) == record
    assert record_text(back) == record_text(record)


@MANY
@given(record=parts(RunRecord))
def test_every_record_keeps_to_the_published_schema(record: RunRecord) -> None:
    SCHEMA.validate(json.loads(record_text(record)))


@MANY
@given(record=parts(RunRecord), choice=st.randoms())
def test_an_unknown_field_anywhere_is_refused_with_its_place(
    record: RunRecord, choice: Any, tmp_path: Path
) -> None:
    document = json.loads(record_text(record))
    objects = list(objects_of_ours(document))
    choice.choice(objects)["never_heard_of"] = 1
    with pytest.raises(BrokenRunError, match=r"run\.json is broken: .*never_heard_of"):
        read_record(written(json.dumps(document).encode(), tmp_path))


def objects_of_ours(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return objects with fixed fields: not those whose names are a user's or another program's."""
    found = [record, record["environment"], record["environment"]["cpu"], record["platform"]]
    found += [*record["scenarios"].values(), *record["verdicts"], *record["doubts"], *record["migrations"]]
    return found + [record[name] for name in ("chaos", "duet", "locust", "objectives") if record[name]]


@pytest.mark.parametrize("value", [np.float64(1.5), np.int64(2), np.array([1.0])])
def test_a_number_of_numpy_never_gets_in(value: object) -> None:
    with pytest.raises(TypeError, match="Python's own numbers and texts, not"):
        record_text(a_record(seed=value))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_could_not_be_read_again_is_not_written(value: float) -> None:
    with pytest.raises(JsonError, match="seed"):
        record_text(a_record(seed=value))


def test_secrets_are_masked_wherever_they_stand() -> None:
    record = a_record(
        command=("tailguard", "run", "--dsn", "postgresql://u:hush@h/d"),
        config=Document({"database": {"password": "hush"}}),
        because="no connection to postgresql://u:hush@h/d",
    )
    text = record_text(record)
    assert b"hush" not in text
    assert text.count(b"***") == 3


def test_a_changed_word_changes_the_hash(tmp_path: Path) -> None:
    text = record_text(a_record())
    same, other = (
        read_record(written(each, tmp_path)) for each in (text, text.replace(b"Debian", b"Ubuntu"))
    )
    assert record_sha256(same) == same.sha256
    assert record_sha256(other) != other.sha256


def test_a_whole_number_for_a_field_with_fractions_keeps_the_hash_true(tmp_path: Path) -> None:
    record = a_record(config=Document({"seconds": 1}))
    back = read_record(written(record_text(record), tmp_path))
    assert record_sha256(back) == back.sha256


def test_a_record_of_schema_1_gets_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has schema 1, which Tailguard 0\.1 reads; this one reads 2"):
        read_record(written(b'{"schema": 1, "complete": true}', tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `schema`"),
        (b'{"schema": 2}', "missing required field `id`"),
        (b'{"schema": 2, "id": 7}', r"Expected `str`, got `int` - at `\$\.id`"),
        (b'{"schema": 2, "id": "\xff"}', "broken"),
    ],
)
def test_a_broken_file_is_named_with_the_place_in_it(text: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(BrokenRunError, match=rf"run\.json is broken: .*{said}|{said}"):
        read_record(written(text, tmp_path))


def test_a_record_larger_than_any_that_we_write_is_refused(tmp_path: Path) -> None:
    path = written(b"{", tmp_path)
    os.truncate(path, MOST_BYTES + 1)
    with pytest.raises(UsageError, match=r"run\.json: it has more than 128 MiB"):
        read_record(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Cannot read .*run\.json: No such file"):
        read_record(tmp_path / "run.json")


def test_the_published_schema_is_that_of_the_types() -> None:
    """`python -m tailguard.record.run_json` writes it."""
    published = Path(run_json.__file__).with_name("schema.json").read_text(encoding="utf-8")
    assert published == schema_text()
