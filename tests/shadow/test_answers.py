"""In what two answers differ, and which differences are the primary's own noise."""

import gzip
import json

import pytest

from tailguard.base.state import State
from tailguard.compare.shadow.fields import FieldDifference, Reading, differing
from tailguard.compare.shadow.noise import differences_of
from tailguard.record.shadow import Ignored
from tailguard.record.shadow.answers import AnswerRows
from tests.support.made_shadow import IGNORED, made_answers


def reading(value: object, status: int = 200, kind: str = "application/json", encoding: str = "") -> Reading:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Reading(status, kind, encoding, body)


def fields(a: object, b: object) -> list[str]:
    return [each.field for each in differing(reading(a), reading(b))]


def test_answers_that_say_the_same_do_not_differ() -> None:
    same = {"a": [1, {"b": None}], "c": "d"}
    assert fields(same, dict(reversed(same.items()))) == []
    assert fields(b"plain text", b"plain text") == []


def test_each_field_is_named_once_whatever_the_place_in_a_list() -> None:
    a = {"items": [{"id": 1, "price": 5}, {"id": 2, "price": 6}], "total": 11}
    b = {"items": [{"id": 1, "price": 7}, {"id": 2, "price": 8}], "total": 11}
    assert differing(reading(a), reading(b)) == [FieldDifference("items[].price", "5", "7")]


@pytest.mark.parametrize(
    ("a", "b", "field"),
    [
        ({"n": 1}, {"n": 1.0}, "n"),
        ({"n": 1}, {"n": True}, "n"),
        ({"n": "1"}, {"n": 1}, "n"),
        ({"n": None}, {}, "n"),
        ({"n": [1]}, {"n": [1, 2]}, "n[] length"),
        ({"n": {"m": 1}}, {"n": [1]}, "n"),
        ([1], [2], "[]"),
        ("a", "b", "body"),
        (b"<p>one</p>", b"<p>two</p>", "body"),
        (b"{broken", {"n": 1}, "body"),
    ],
)
def test_what_only_looks_alike_differs(a: object, b: object, field: str) -> None:
    assert fields(a, b) == [field]


def test_status_and_content_type_are_compared() -> None:
    found = differing(reading({}), reading({}, status=500, kind="text/html"))
    assert found == [
        FieldDifference("status", "200", "500"),
        FieldDifference("content type", "application/json", "text/html"),
    ]


def test_a_compressed_body_is_compared_as_it_was_before() -> None:
    squeezed = reading(gzip.compress(json.dumps({"n": 1}).encode()), encoding="gzip")
    assert differing(reading({"n": 1}), squeezed) == []
    assert [each.field for each in differing(reading({"n": 2}), squeezed)] == ["n"]


def test_no_secret_and_no_long_text_is_an_example() -> None:
    a = {"access_token": "abc-very-secret", "note": "x" * 500, "link": "postgresql://me:hunter22@db/shop"}
    b = {"access_token": "def-very-secret", "note": "y" * 500, "link": "postgresql://me:hunter33@db/shop"}
    shown = " ".join(f"{each.primary} {each.candidate}" for each in differing(reading(a), reading(b)))
    assert "secret" not in shown
    assert "hunter" not in shown
    assert len(shown) < 400


def test_more_differing_fields_than_anybody_reads_are_cut() -> None:
    many = {f"f{n}": n for n in range(1_000)}
    assert len(fields(many, dict.fromkeys(many, -1))) == 50


def test_a_field_that_the_primary_itself_answers_differently_is_noise_and_a_lie_is_not() -> None:
    states = {each.field: each.state for each in differences_of(made_answers(), IGNORED, {})}
    assert states == {"total": State.INCONCLUSIVE, "asked_at": State.PASS}
    states = {each.field: each.state for each in differences_of(made_answers(lies=400), IGNORED, {})}
    assert states == {"total": State.FAIL, "asked_at": State.PASS}


def test_noise_excuses_no_candidate_that_differs_more_often() -> None:
    rows = AnswerRows()
    for number in range(400):
        rows.add(number, 0, ["stock"] if number % 2 else [], twice=False)
        rows.add(number, 0, ["stock"] if number % 40 == 0 else [], twice=True)
    (found,) = differences_of(rows.answers(("GET /x",)), (), {})
    assert (found.state, found.differing, found.differing_twice) == (State.FAIL, 200, 10)


def test_a_route_that_is_never_asked_twice_has_no_noise() -> None:
    rows = AnswerRows()
    for number in range(500):
        rows.add(number, 0, ["id"] if number == 3 else [], twice=False)
    answers = rows.answers(("POST /orders",))
    assert [each.state for each in differences_of(answers, (), {})] == [State.FAIL]
    assert differences_of(answers, (Ignored(route="POST /orders", field="id"),), {}) == ()
    assert differences_of(answers, (Ignored(route="", field="id"),), {}) == ()
    assert len(differences_of(answers, (Ignored(route="GET /orders", field="id"),), {})) == 1
