"""A candidate that hangs, lies, dies, resets or floods: users notice nothing, and the run says what it did."""

import pytest

from tailguard.shadow import mirror
from tests.shadow.service import Got, Respond, dying, flooding, hanging, liar, resetting, shop, slow
from tests.shadow.stage import Stage, staged
from tests.support.waiting import eventually

REQUESTS = 30


def answered(stage: Stage) -> list[Got]:
    """What a user gets who asks, writes and asks again."""
    user = stage.user()
    return [
        user.ask("/orders", "POST", b"order") if number % 5 == 0 else user.ask(f"/items/{number}")
        for number in range(REQUESTS)
    ]


@pytest.fixture(scope="module")
def undisturbed() -> list[Got]:
    """What users get with a candidate that is as it should be."""
    with staged(shop) as stage:
        return answered(stage)


@pytest.mark.parametrize(
    ("candidate", "timeout_s", "told"),
    [
        pytest.param(hanging, 0.1, "timed out", id="hangs"),
        pytest.param(dying, 30.0, "connection lost", id="dies in the middle"),
        pytest.param(resetting, 30.0, "connection lost", id="resets"),
        pytest.param(flooding, 30.0, "answer too large", id="floods"),
        pytest.param(slow(5.0), 0.1, "timed out", id="is slow"),
    ],
)
def test_a_broken_candidate_reaches_no_user(
    candidate: Respond, timeout_s: float, told: str, undisturbed: list[Got]
) -> None:
    with staged(candidate, timeout_s=timeout_s) as stage:
        got = answered(stage)
        stage.settled()
        book = stage.service.book
        assert {candidate for field, (_, candidate) in book.examples.items() if field[1] == "answer"} == {
            told
        }
        assert len(book) == REQUESTS
        assert book.samples()["candidate"].errors == ("", told)
        assert not book.samples()["primary"].outcome.any()
    assert [(each.status, each.body) for each in got] == [(each.status, each.body) for each in undisturbed]


def test_a_lie_is_told_with_its_field_and_reaches_no_user(undisturbed: list[Got]) -> None:
    with staged(liar) as stage:
        got = answered(stage)
        stage.settled()
        assert stage.service.book.examples == {
            ("GET /items/{id}", "price.amount"): ("1299", "1300"),
            ("POST /orders", "status"): ("201", "409"),
            ("POST /orders", "id"): ("5", "absent"),
            ("POST /orders", "state"): ('"paid"', "absent"),
            ("POST /orders", "error"): ("absent", '"stock"'),
        }
    assert [each.body for each in got] == [each.body for each in undisturbed]


def test_a_candidate_that_is_not_there_reaches_no_user(undisturbed: list[Got]) -> None:
    with staged(shop) as stage:
        stage.candidate.shutdown()
        stage.candidate.server_close()
        got = answered(stage)
        stage.settled()
        assert {kind for kind in stage.service.book.samples()["candidate"].errors if kind} == {
            "connection refused"
        }
    assert [each.body for each in got] == [each.body for each in undisturbed]


def test_what_the_candidate_owes_is_bounded_and_the_rest_is_counted_as_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mirror, "MOST_OWED", 20)
    with staged(hanging, timeout_s=60.0) as stage:
        user = stage.user()
        for number in range(25):
            assert user.ask(f"/items/{number}").status == 200
        assert user.ask("/orders", "POST", b"").status == 201
        eventually(lambda: stage.mirror.counts.dropped == 6)
        counts = stage.service.counts()
        # All were answered while the candidate had answered nothing.
        assert (counts.answered, counts.pending, counts.compared) == (26, 20, 0)
        assert counts.dropped_writes == 1
