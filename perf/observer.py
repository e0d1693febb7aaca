"""An observer of a feed that reads the row on each event: an event must never overtake its commit."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

import tailguard as tg
from perf.offer import EventPaths
from perf.platform import MatchScores, ReadsScores, RowId
from tailguard.websocket import Feed, at_path

# Loopback answers in milliseconds; a platform that takes longer to welcome a spectator is not ready.
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Event:
    """What an event says of a match: whose it is, and its state from now on."""

    match_id: RowId
    scores: tuple[int, int]
    updated_at: datetime | None


class Observer:
    """One more subscriber, in a thread of this process. A context manager: entering waits for the welcome frame.

    `checked` counts the events whose row was read, `overtaken` those whose row was still the old one; `broken` says why
    it could not go on, if it could not. One that is `patient`, as the database fails on purpose, goes on: `unread`
    counts the events whose row could not be read.
    """

    def __init__(
        self, feed: Feed, platform: ReadsScores, paths: EventPaths, *, patient: bool = False
    ) -> None:
        """`paths` say where an event has a match's state."""
        self._feed, self.platform, self._paths, self._patient = feed, platform, paths, patient
        self._told: dict[RowId, tuple[int, int]] = {}
        self.checked = self.overtaken = self.unread = 0
        self.broken: str | None = None

    def __enter__(self) -> Self:
        headers = dict(self._feed.headers)
        origin = headers.pop("Origin", None)
        with ExitStack() as stack:
            self._connection: ClientConnection = stack.enter_context(
                connect(
                    self._feed.url,
                    origin=Origin(origin) if origin else None,
                    additional_headers=headers,
                    open_timeout=PATIENCE_S,
                    compression=None,
                )
            )
            while _type_of(_decoded(self._connection.recv(timeout=PATIENCE_S))) != self._feed.ready_type:
                pass
            self._thread = threading.Thread(target=self._watch, name="observer", daemon=True)
            self._thread.start()
            self._resources = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()
        self._thread.join(PATIENCE_S)

    def committed_first(self) -> tg.Invariant:
        """Return whether each event came after its commit, as far as somebody looked."""
        unread = f", {self.unread} could not be read" if self.unread else ""
        return tg.Invariant(
            name="no event overtook its commit",
            held=self.broken is None and self.checked > 0 and self.overtaken == 0,
            expected="0 rows older than their event",
            observed=self.broken or f"{self.overtaken} of {self.checked} read{unread}",
        )

    def _watch(self) -> None:
        try:
            for text in self._connection:
                self._note(text)
        except ConnectionClosed:
            pass  # closed by us, or by the platform at its end: the counts are kept

    def _note(self, text: str | bytes) -> None:
        """Take a frame; once one could not be checked, the rest is only read: an unread connection cannot be closed."""
        try:
            if self.broken is None:
                self._take(_decoded(text))
        except ConnectionClosed:
            raise
        except Exception as error:  # noqa: BLE001  # whatever the read met makes the invariant unchecked, and says so
            self.unread += 1
            if self._patient:
                return
            self.broken = f"{type(error).__name__}: {error}"

    def _take(self, frame: object) -> None:
        if _type_of(frame) == "ping":
            self._connection.send('{"type":"pong"}')
        elif _type_of(frame) == self._feed.event_type:
            event = event_in(frame, self._feed.key_path, self._paths)
            before, self._told[event.match_id] = self._told.get(event.match_id), event.scores
            row = self.platform.match_scores(event.match_id)
            self.checked += 1
            self.overtaken += is_older(row, event, before)


def _decoded(text: str | bytes) -> object:
    decoded: object = msgspec.json.decode(text)
    return decoded


def _type_of(frame: object) -> object:
    return at_path(frame, "type")


def event_in(frame: object, key_path: str, paths: EventPaths) -> Event:
    """Return what a frame says. Raises UsageError naming the path at which it has no such value."""

    def read(path: str, kind: Any) -> Any:
        try:
            return msgspec.convert(at_path(frame, path), kind)
        except msgspec.ValidationError as error:
            raise tg.UsageError(
                f"the event has nothing fitting at {path!r} ({error}): see [target.feed]"
            ) from None

    scores = read(paths.score1, int), read(paths.score2, int)
    return Event(read(key_path, RowId), scores, read(paths.updated_at, datetime | None))


def is_older(row: MatchScores, event: Event, before: tuple[int, int] | None) -> bool:
    """Say whether the row shows a state before the event's: other scores, and not because a newer update came.

    Where neither tells when it was updated, only the scores of the event `before` are known to be older.
    """
    shown = (row.participant1_score, row.participant2_score)
    if shown == event.scores:
        return False
    if row.updated_at is None or event.updated_at is None:
        return shown == before
    return row.updated_at < event.updated_at
