"""An observer of a feed that reads the row on each event: an event must never overtake its commit."""

import json
import threading
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from perf.platform import MatchScores, Platform
from tailguard.websocket.messages import Feed

# Loopback answers in milliseconds; a platform that takes longer to welcome a spectator is not ready.
PATIENCE_S = 5.0


class Observer:
    """One more subscriber, in a thread of ours. A context manager: entering waits for the welcome frame.

    `checked` counts the events whose row was read, `overtaken` those whose row was still the old one; `broken` says why
    it could not go on, if it could not. One that is `patient`, as the database fails on purpose, goes on: `unread`
    counts the events whose row could not be read.
    """

    def __init__(self, feed: Feed, platform: Platform, *, patient: bool = False) -> None:
        self._feed, self._platform, self._patient = feed, platform, patient
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
            while json.loads(self._connection.recv(timeout=PATIENCE_S)).get("type") != self._feed.ready_type:
                pass
            self._thread = threading.Thread(target=self._watch, name="observer", daemon=True)
            self._thread.start()
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._resources.close()
        self._thread.join(PATIENCE_S)

    def _watch(self) -> None:
        try:
            for text in self._connection:
                self._note(text)
        except ConnectionClosed:
            pass  # closed by us, or by the platform at its end: the counts stand

    def _note(self, text: str | bytes) -> None:
        """Take a frame; once one could not be checked, the rest is only read: an unread connection cannot be closed."""
        try:
            if self.broken is None:
                self._take(json.loads(text))
        except ConnectionClosed:
            raise
        except Exception as error:  # noqa: BLE001  # whatever the read met makes the invariant unchecked, and says so
            self.unread += 1
            if self._patient:
                return
            self.broken = f"{type(error).__name__}: {error}"

    def _take(self, frame: dict[str, Any]) -> None:
        if frame.get("type") == "ping":
            self._connection.send('{"type":"pong"}')
        elif frame.get("type") == self._feed.event_type:
            event = frame["data"]
            row = self._platform.match_scores(int(event["match_id"]))
            self.checked += 1
            self.overtaken += is_older(row, event)


def is_older(row: MatchScores, event: dict[str, Any]) -> bool:
    """Say whether the row shows a state before the event's: other scores, and not because a newer update came."""
    if (row.participant1_score, row.participant2_score) == (
        event["participant1_score"],
        event["participant2_score"],
    ):
        return False
    return row.updated_at is None or row.updated_at.isoformat() < str(event.get("updated_at", ""))
