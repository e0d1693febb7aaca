"""Tournament view: many read a tournament's page while its results come in.

Who: visitors, and participants who submit results. What: the page of eight tables, as JSON; every so many iterations a
result is submitted instead, and the page is forgotten once it is committed. Data: live tournaments of the seed. The
page comes from the database or from Redis, as the settings say: perf/experiments/cache.toml compares the two. It is
played in-process, on a platform that it makes: it chooses where that keeps its pages.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from threading import Lock

import redis

import tailguard as tg
from perf.adapters.choice import IN_PROCESS
from perf.experiments.servers import redis_socket
from perf.offer import Offer, Played
from perf.platform import REFUSALS
from perf.reference import Reference
from reference.faults import Faults
from reference.pages import CachedPages, Pages
from reference.results import MatchResult, Results


@dataclass(frozen=True, slots=True)
class Settings:
    """Where pages come from, how they are read, how often one changes, how long one is kept."""

    cache: str
    queries: str
    change_every: int
    ttl_s: int
    single_flight: bool


class StalePageError(Exception):
    """A page is older than a commit that was over before it was asked for."""


@dataclass(slots=True)
class Views:
    """The pages, the results that change them, and the last version of each match whose change is over."""

    pages: Pages | CachedPages
    results: Results
    played: Sequence[Played]
    tournament_of: Mapping[int, int]
    committed: dict[int, int] = field(default_factory=dict)
    stale: int = 0
    lock: Lock = field(default_factory=Lock)

    def change(self, number: int) -> None:
        """Submit a result; once it is acknowledged, no page may be older."""
        match, user = self.played[number % len(self.played)]
        done = self.results.submit(int(match), user, abs(number) % 1000 + 1, 0)
        with self.lock:
            self.committed[done.id] = max(done.version, self.committed.get(done.id, 0))

    def view(self, number: int) -> bool:
        """Read a page; tell whether it was kept. Raises StalePageError."""
        match = int(
            self.played[number * 7919 % len(self.played)][0]
        )  # a prime stride: all come up, in no order
        with self.lock:
            committed = dict(self.committed)
        found = self.pages.read(self.tournament_of[match])
        page, kept = found if isinstance(found, tuple) else (found, False)
        shown = {match[0]: match[2] for match in json.loads(page)["matches"]}
        if any(version < committed.get(each, 0) for each, version in shown.items()):
            self.stale += 1
            raise StalePageError(f"the page of tournament {self.tournament_of[match]} is older than a commit")
        return kept


@tg.fixture(scope="run")
def settings(adapter: str, config: tg.Config) -> Settings:
    """Read, and refused where the platform is not ours to change."""
    if adapter != IN_PROCESS:
        tg.skip("it chooses where the platform keeps its pages: use --platform in-process")
    return config.read("scenario.tournament_view", Settings)


@tg.fixture(scope="run")
def kept_at(settings: Settings) -> Iterator[str]:
    """The socket of a Redis, "" without a cache."""
    if settings.cache == "none":
        yield ""
        return
    with redis_socket() as socket:
        yield socket


@tg.fixture
def views(settings: Settings, kept_at: str, offer: Offer, reference: Reference) -> Iterator[Views]:
    """The platform's pages and results, on the seeded rows."""
    played = offer.rows_for("tournament_view").unwatched
    with closing(reference.database()) as database:
        with database.connection() as connection:
            rows = connection.run("SELECT id, tournament_id FROM tournament_engine_match_match")
        pages = Pages(database, joined=settings.queries == "joined")
        client = redis.Redis(unix_socket_path=kept_at) if kept_at else None
        cached = client and CachedPages(
            pages.read, client, ttl_s=settings.ttl_s, single_flight=settings.single_flight
        )

        def forget(done: MatchResult) -> None:
            if cached:
                cached.forget(done.tournament_id)

        results = Results(database, Faults.parse(reference.faults), forget)
        yield Views(cached or pages, results, played, dict(rows))


@tg.scenario(rate="100/s", steps=["view", "change"], refusals=REFUSALS)
def tournament_view(it: tg.Iteration, settings: Settings, views: Views) -> None:
    """Read a page, or change one."""
    if it.number % settings.change_every == 0:
        it.step("change", views.change, it.number)
        return
    it.record("kept", it.step("view", views.view, it.number))


@tournament_view.invariants
def holds(views: Views) -> Iterator[tg.Invariant]:
    """Whoever has an answer to a change sees it from then on."""
    yield tg.expect("no page was older than a commit that was over", 0, views.stale)
