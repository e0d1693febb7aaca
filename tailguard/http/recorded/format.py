"""The file of a recording: one JSON object per line, the requests in the order in which they were answered."""

import base64
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.reading.regular_file import why_not_a_file

# Beyond this nobody replays in one piece; a schedule holds as many.
MOST_REQUESTS = 2_000_000


class RecordedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request, `at_s` seconds after the first of the recording, and the `status` of the primary's answer.

    `body` is its text; one that is not UTF-8 is in `body_base64`.
    """

    at_s: float
    method: str
    target: str
    status: int
    headers: list[tuple[str, str]] = []
    body: str = ""
    body_base64: str = ""

    @property
    def content(self) -> bytes:
        return base64.b64decode(self.body_base64, validate=True) if self.body_base64 else self.body.encode()


def read_recording(path: Path) -> list[RecordedRequest]:
    """Return the requests in order of their time. Raises UsageError, with the line, for what is not a recording."""
    if not path.exists():
        raise UsageError(f"There is no recording {path}: `tailguard shadow --record FILE` makes one.")
    if why := why_not_a_file(path):
        raise UsageError(f"Cannot read {path}: {why}.")
    found = sorted(_lines(path), key=lambda each: each.at_s)
    if not found:
        raise UsageError(f"{path} holds no request: record for longer, with users.")
    return found


def _lines(path: Path) -> Iterator[RecordedRequest]:
    decoder = msgspec.json.Decoder(RecordedRequest)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if number > MOST_REQUESTS:
                raise UsageError(
                    f"{path} holds more than {MOST_REQUESTS:,} requests: replay a part of its lines."
                )
            try:
                request = decoder.decode(line)
                _ = request.content
            except (msgspec.MsgspecError, ValueError) as error:
                raise UsageError(f"{path}, line {number} is not a recorded request: {error}") from None
            yield request
