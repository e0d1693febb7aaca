"""Two processes take turns: never at once, and whoever dies is noticed."""

import threading
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.duet.turns import TurnClient, TurnError, TurnServer


def child(address: Path, slices: int, log: list[str], name: str) -> threading.Thread:
    def work() -> None:
        turn = TurnClient(str(address))
        turn.take()
        for number in range(slices):
            log.append(f"{name}{number}")
            turn.take() if number < slices - 1 else turn.end()
        log.append(f"{name} cleaned up")
        turn.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_an_address_that_is_too_long_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"too long\): set TMPDIR to a folder whose path is shorter"):
        TurnServer(tmp_path / ("a" * 200), lambda: True)


def test_each_side_works_only_in_its_turn_and_cleans_up_after_both(tmp_path: Path) -> None:
    log: list[str] = []
    with TurnServer(tmp_path / "a", lambda: True) as a, TurnServer(tmp_path / "b", lambda: True) as b:
        threads = [child(tmp_path / "a", 2, log, "a"), child(tmp_path / "b", 3, log, "b")]
        a.await_ready(5)
        b.await_ready(5)
        assert log == []
        a.grant()
        assert log == ["a0"]
        b.grant()
        b.grant()
        a.grant()
        assert a.done
        a.grant()  # nothing happens: it has had enough
        b.grant()
        assert b.done
        assert log == ["a0", "b0", "b1", "a1", "b2"]
        a.finish()
        b.finish()
        for thread in threads:
            thread.join()
    assert sorted(log[5:]) == ["a cleaned up", "b cleaned up"]


def test_a_child_that_dies_before_it_is_ready_is_noticed(tmp_path: Path) -> None:
    with TurnServer(tmp_path / "a", lambda: False) as seat, pytest.raises(TurnError, match="it ended"):
        seat.await_ready(5)


def test_a_child_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    with (
        TurnServer(tmp_path / "a", lambda: True) as seat,
        pytest.raises(TurnError, match=r"did not get ready within 0\.1 s"),
    ):
        seat.await_ready(0.1)


def test_a_child_that_hangs_up_in_its_turn_is_noticed(tmp_path: Path) -> None:
    with TurnServer(tmp_path / "a", lambda: True) as seat:
        turn = TurnClient(str(tmp_path / "a"))
        thread = threading.Thread(target=turn.take)
        thread.start()
        seat.await_ready(5)
        seat._tell("go")
        thread.join()
        turn.close()
        with pytest.raises(TurnError, match="it ended"):
            seat._hear(5)


def test_a_child_whose_parent_is_gone_says_so(tmp_path: Path) -> None:
    with TurnServer(tmp_path / "a", lambda: True):
        turn = TurnClient(str(tmp_path / "a"))
    with pytest.raises(TurnError, match="gone"):
        turn.take()
    turn.close()
