"""A value of the run is plain data: other processes get a copy that is equal."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from tailguard.base.errors import UsageError
from tailguard.suite.data import from_data, to_data


@dataclass(frozen=True)
class Seeded:
    users: range
    names: tuple[str, ...]


@dataclass
class Loose:
    users: int


class Database(msgspec.Struct, frozen=True):
    conninfo: str
    seeded: Seeded | None = None


VALUES = [
    None,
    True,
    7,
    1.5,
    "text",
    [1, [2]],
    {"a": {"b": (1, "x")}},
    range(1, 9, 2),
    Seeded(range(3), ("東京", "Δ")),
    Database("host=x", Seeded(range(2), ())),
]


@pytest.mark.parametrize("value", VALUES)
def test_a_copy_that_went_through_json_is_equal(value):
    copied = from_data(json.loads(json.dumps(to_data(value, "it"))))
    assert copied == value
    assert type(copied) is type(value)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (Path("x"), "it is a PosixPath"),
        ({"a": [1, object()]}, r"it\['a'\]\[1\] is a object"),
        (Database("x", SimpleNamespace()), r"it\.seeded is a SimpleNamespace"),
        (Loose(1), "it is a Loose"),
        ({1: 2}, "it has the key 1"),
        ({"$class": 2}, "begin with"),
    ],
)
def test_what_is_not_data_is_refused_with_the_way_to_it(value, where):
    with pytest.raises(UsageError, match=where):
        to_data(value, "it")


def test_a_class_that_other_processes_cannot_import_is_refused():
    @dataclass(frozen=True)
    class Local:
        x: int

    with pytest.raises(UsageError, match="define it in a module"):
        to_data(Local(1), "it")


@pytest.mark.parametrize(
    "name", ["no_such_module:A", f"{__name__}:Gone", f"{__name__}:Seeded", f"{__name__}:Loose"]
)
def test_a_class_of_another_form_here_is_a_usage_error(name):
    with pytest.raises(UsageError, match="not what it was there"):
        from_data({"$class": name, "$fields": {"users": 1}})
