"""samples.parquet: as we write it, or refused with the row, whatever somebody made of it."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tailguard.record.files import BrokenRunError
from tailguard.record.samples import parquet
from tailguard.record.samples.parquet import NAMES, read_frame, read_samples, write_samples
from tests.support.runs_by_hand import samples_of

N = 50


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "samples.parquet"
    both = {
        slug: samples_of(slug, ("put", "get"), np.arange(1.0, N + 1), step=np.arange(N) % 2)
        for slug in ("upload", "read")
    }
    write_samples(path, both)
    return path


def with_column(path: Path, name: str, values: object) -> None:
    table = pq.read_table(path)
    table = table.set_column(table.column_names.index(name), name, values)
    pq.write_table(table, path)


def with_names(path: Path, names: object) -> None:
    text = names if isinstance(names, bytes) else json.dumps(names).encode()
    pq.write_table(pq.read_table(path).replace_schema_metadata({NAMES: text}), path)


@pytest.mark.parametrize("name", ["intended_ns", "started_ns", "ended_ns", "retries"])
def test_a_missing_number_is_told_with_its_row(path, name):
    column = pq.read_table(path).column(name)
    with_column(path, name, pa.array([*column.to_pylist()[:70], None, *column.to_pylist()[71:]], column.type))
    with pytest.raises(BrokenRunError, match=rf"row 71 has no {name}"):
        read_samples(path)


@pytest.mark.parametrize("name", ["scenario", "step", "outcome", "error"])
def test_a_missing_word_is_told_with_its_row(path, name):
    words = pq.read_table(path).column(name).to_pylist()
    with_column(path, name, pa.array([*words[:70], None, *words[71:]]).dictionary_encode())
    with pytest.raises(BrokenRunError, match=rf"row 71 has no {name}"):
        read_samples(path)


@pytest.mark.parametrize("name", ["scenario", "step", "outcome", "error"])
def test_an_unknown_word_is_told_with_its_row(path, name):
    words = pq.read_table(path).column(name).to_pylist()
    with_column(path, name, pa.array([*words[:70], "foo", *words[71:]]).dictionary_encode())
    with pytest.raises(BrokenRunError, match=rf"row 71 has an unknown {name}"):
        read_samples(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ended_ns", 2**63 - 1), ("intended_ns", -(2**63)), ("retries", -1), ("retries", 2**31 - 1)],
)
def test_a_number_that_cannot_be_is_told_with_its_row(path, name, value):
    column = pq.read_table(path).column(name)
    numbers = [*column.to_pylist()[:70], value, *column.to_pylist()[71:]]
    with_column(path, name, pa.array(numbers, column.type))
    with pytest.raises(BrokenRunError, match=rf"row 71 has {name} {value}, which cannot be"):
        read_samples(path)


@pytest.mark.parametrize(
    "name", ["scenario", "step", "outcome", "error", "intended_ns", "ended_ns", "retries"]
)
@pytest.mark.parametrize(
    "kind", [pa.float64(), pa.timestamp("ns"), pa.bool_(), pa.list_(pa.int64()), pa.binary()]
)
def test_a_column_of_another_type_is_refused(path, name, kind):
    with_column(path, name, pa.nulls(2 * N, kind))
    for read in (read_samples, read_frame):
        with pytest.raises(BrokenRunError, match=rf"broken: column {name} is of "):
            read(path)


def test_plain_texts_are_as_good_as_encoded_ones(path):
    expected = read_samples(path)["read"].step
    with_column(path, "step", pa.array(pq.read_table(path).column("step").to_pylist()))
    assert list(read_samples(path)["read"].step) == list(expected)


def test_a_missing_column_is_named(path):
    pq.write_table(pq.read_table(path).drop_columns(["retries"]), path)
    with pytest.raises(BrokenRunError, match="retries"):
        read_samples(path)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (b"{", "broken: Input data was truncated"),
        ([], "Expected `object`"),
        ({"upload": 7}, r"Expected `object`, got `int` - at `\$\[\.\.\.\]`"),
        ({"upload": {"steps": "put", "errors": [""]}}, "Expected `array`"),
        ({"upload": {"steps": ["put", "get"], "errors": [""]}}, "row 51 has an unknown scenario"),
        ({"upload": {"steps": [str(n) for n in range(257)], "errors": [""]}}, "257 steps; 256 are the most"),
    ],
)
def test_wrong_names_are_refused(path, names, says):
    with_names(path, names)
    with pytest.raises(BrokenRunError, match=says):
        read_samples(path)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    (os.mkfifo if kind == "pipe" else os.mkdir)(tmp_path / "samples.parquet")
    with pytest.raises(BrokenRunError, match="a pipe or a device" if kind == "pipe" else "a folder"):
        read_samples(tmp_path / "samples.parquet")


def test_a_file_of_more_rows_than_fit_is_refused_before_it_is_read(path, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_ROWS", 10)
    with pytest.raises(BrokenRunError, match=r"has \d+ rows; 10 are the most"):
        read_samples(path)
