"""What journeys ask of the platform under test: a small protocol for each step.

Adapters are in-process, HTTP, a mapped target, or one of your own: a class with the methods that your scenarios need
and `close`, called with its `World` (perf/offer.py). A clean, expected refusal raises one of `REFUSALS`; anything else
raised is an error. Methods are called from several threads at once. docs/how-to/platform-adapter.md shows one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias, runtime_checkable

from reference.errors import Conflict
from tailguard.websocket import Feed

# What a platform calls a row of its own; the reference counts them. Users are numbers in whatever platform.
RowId: TypeAlias = int | str


class RefusedError(Exception):
    """For adapters of your own: the platform refused cleanly, as it should.

    `code` is the reason in one word, as machines read it: refusals are counted by it.
    """

    def __init__(self, message: object = "", code: str = "") -> None:
        super().__init__(message)
        self.code = code


# What counts as a refusal, apart from ok and error, in every scenario.
REFUSALS = (Conflict, RefusedError)


class Entered(Protocol):
    """An entry; the user's number is the one that was to join."""

    @property
    def user_id(self) -> int: ...


class Submitted(Protocol):
    """A recorded result; `version` is the match's new version, None if the platform has or tells none."""

    @property
    def version(self) -> int | None: ...


class Retried(Protocol):
    """What a platform did, and how often it tried again."""

    @property
    def retries(self) -> int: ...


class Uploaded(Retried, Protocol):
    """A stored certificate by its row's id."""

    @property
    def id(self) -> RowId: ...


@dataclass(frozen=True, slots=True)
class MatchScores:
    """The committed state of a match, as a reader sees it."""

    participant1_score: int
    participant2_score: int
    updated_at: datetime | None = None


@runtime_checkable
class Closes(Protocol):
    """What an adapter of your own has beside its steps."""

    def close(self) -> None:
        """Let go of connections."""


@runtime_checkable
class ShowsDatabase(Protocol):
    """What an adapter of your own may have, too. Without it no invariant is checked, and no run passes."""

    def database(self) -> str:
        """Return the conninfo of the database where what the steps did can be seen, in tables of DeltaCrown's names."""
        ...


@runtime_checkable
class Registers(Protocol):
    """Step `register`."""

    def register(self, tournament_id: RowId, user_id: int, /) -> Entered:
        """Let a user join a tournament."""
        ...


@runtime_checkable
class SubmitsResults(Protocol):
    """Steps `submit` and `broadcast`."""

    def submit_result(
        self, match_id: RowId, user_id: int, score1: int, score2: int, version: int | None, /
    ) -> Submitted:
        """Record a result; `version` is what the caller believes to be the match's present one."""
        ...


@runtime_checkable
class ReadsScores(Protocol):
    """No step: what an observer compares events with."""

    def match_scores(self, match_id: RowId, /) -> MatchScores:
        """Read a match as committed."""
        ...


@runtime_checkable
class Transfers(Protocol):
    """Step `transfer`."""

    def transfer(self, from_wallet: RowId, to_wallet: RowId, amount: int, key: str, /) -> Retried:
        """Move coins once, however often the same key is sent."""
        ...


@runtime_checkable
class Uploads(Protocol):
    """Step `upload`."""

    def upload_certificate(self, registration_id: RowId, body: bytes, kind: str, /) -> Uploaded:
        """Store a rendered certificate and its row."""
        ...


@runtime_checkable
class ReadsPresigned(Protocol):
    """Step `presigned_read`."""

    def read_presigned(self, certificate_id: RowId, /) -> bytes:
        """Fetch a certificate through a presigned URL."""
        ...


@runtime_checkable
class FallsBack(Protocol):
    """Step `fallback_read`."""

    def download_certificate(self, certificate_id: RowId, /) -> bytes:
        """Read a certificate through the platform, from wherever it has it."""
        ...

    def fallback_reads(self) -> int:
        """Return how many reads so far failed on S3 before the disk served them."""
        ...


@runtime_checkable
class Announces(Protocol):
    """The WebSocket."""

    def feed(self, tournament_id: RowId, /) -> Feed:
        """Say where subscribers of a tournament connect."""
        ...


class Certifies(Uploads, ReadsPresigned, Protocol):
    """Stores certificates and lets them be read."""


class Broadcasts(SubmitsResults, Announces, Protocol):
    """Records results and tells who watches."""


# A step as mappings name it: its method, and the protocol that asks for it.
STEPS: Mapping[str, tuple[str, type]] = {
    "register": ("register", Registers),
    "submit": ("submit_result", SubmitsResults),
    "match_scores": ("match_scores", ReadsScores),
    "transfer": ("transfer", Transfers),
    "upload": ("upload_certificate", Uploads),
    "presigned_read": ("read_presigned", ReadsPresigned),
    "feed": ("feed", Announces),
}
# The steps that a scenario cannot be played without. Two others ask only the platform
# that they make, and large certificates are uploads like any other.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "registration": ("register",),
    "result_submission": ("submit",),
    "websocket_broadcast": ("submit", "feed"),
    "economy_transfer": ("transfer",),
    "certificate_upload": ("upload", "presigned_read"),
}
