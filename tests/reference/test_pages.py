"""The tournament page and its cache on a real Redis: one document, and never older than a commit that is over."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from perf.experiments.servers import REDIS, redis_socket
from reference.errors import NotFound
from reference.faults import Faults
from reference.pages import CachedPages, Pages
from reference.platform import DeltaCrown
from reference.results import Results
from reference.seed import Seeded
from scenarios.tournament_view import StalePageError, Views
from tailguard.base.errors import UsageError

READERS = 200


@pytest.fixture(scope="module")
def kept_at() -> Iterator[str]:
    try:
        with redis_socket() as socket:
            yield socket
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture
def client(kept_at: str) -> Iterator[redis.Redis]:
    with redis.Redis(unix_socket_path=kept_at) as client:
        client.flushall()
        yield client


@pytest.fixture
def match(seeded: Seeded, fresh: Iterator[int]) -> tuple[int, int, int]:
    """A match that no other test changes, who plays it, and its tournament."""
    live = seeded.live_tournaments[1]
    match = seeded.matches_of(live)[next(fresh)]
    return match, seeded.participants(match)[0], live


def views(
    crown: DeltaCrown,
    client: redis.Redis,
    match: tuple[int, int, int],
    faults: str = "",
    before: Callable[[], object] = bool,
) -> Views:
    """One match of one tournament; `before` is called when its page is forgotten."""
    cached = CachedPages(Pages(crown.database, joined=True).read, client)

    def forget(_: object) -> None:
        cached.forget(match[2])
        before()

    results = Results(crown.database, Faults.parse(faults), forget)
    return Views(cached, results, [match[:2]], {match[0]: match[2]})


def test_both_ways_to_ask_give_one_document(crown: DeltaCrown, seeded: Seeded) -> None:
    live = seeded.live_tournaments[0]
    one_by_one, joined = (Pages(crown.database, joined=joined).read(live) for joined in (False, True))
    assert sorted(json.loads(one_by_one)) == sorted(json.loads(joined))
    assert [match[:5] for match in json.loads(one_by_one)["matches"]] == [
        match[:5] for match in json.loads(joined)["matches"]
    ]
    with pytest.raises(NotFound):
        Pages(crown.database, joined=True).read(10**9)


def test_a_page_is_kept_until_a_change_is_committed(crown, client, match) -> None:
    seen = views(crown, client, match)
    assert [seen.view(0), seen.view(0)] == [False, True]
    seen.change(0)
    assert [seen.view(0), seen.view(0)] == [False, True]
    assert seen.stale == 0


def test_a_page_that_was_read_before_a_commit_is_not_kept_after_it(client: redis.Redis) -> None:
    """A slow reader: the page is forgotten while it is read."""
    pages = CachedPages(lambda number: (pages.forget(number), b"old")[1], client)
    assert pages.read(7) == (b"old", False)
    again = CachedPages(lambda _: b"new", client)
    assert [again.read(7), again.read(7)] == [(b"new", False), (b"new", True)]


def test_forgetting_before_the_commit_keeps_an_old_page_and_is_caught(crown, client, match) -> None:
    """The defect `event_before_commit`: somebody reads in between, and keeps what is about to be old."""
    seen = views(crown, client, match, "event_before_commit", before=lambda: seen.pages.read(match[2]))
    seen.change(0)
    with pytest.raises(StalePageError):
        seen.view(0)
    assert seen.stale == 1


@pytest.mark.parametrize(("single_flight", "loads"), [(True, 1), (False, READERS)])
def test_under_a_stampede_one_reader_loads_the_page_if_it_is_asked_for(
    client: redis.Redis, kept_at: str, single_flight: bool, loads: int
) -> None:
    """The key expires under 200 readers; each load is held until all who would load have come."""
    come, lock, all_here = [0], threading.Lock(), threading.Event()

    def load(number: int) -> bytes:
        with lock:
            come[0] += 1
            if come[0] == loads:
                all_here.set()
        assert all_here.wait(60)
        return b"page"

    many = redis.Redis(unix_socket_path=kept_at, max_connections=2 * READERS)
    pages = CachedPages(load, many, single_flight=single_flight)
    with many, ThreadPoolExecutor(READERS) as readers:
        found = list(readers.map(lambda _: pages.read(1)[0], range(READERS)))
    assert (set(found), come[0]) == ({b"page"}, loads)


def test_a_redis_of_a_run_is_gone_with_it(kept_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_socket() as socket:
        assert redis.Redis(unix_socket_path=socket).ping()
    with pytest.raises(redis.ConnectionError):
        redis.Redis(unix_socket_path=socket).ping()
    monkeypatch.setattr("perf.experiments.servers.shutil.which", lambda *_, **__: None)
    with pytest.raises(UsageError, match=REDIS[1]), redis_socket():
        pass
