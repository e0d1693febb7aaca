"""The port: what a journey can ask of the platform under test. Adapters: in-process, HTTP, or one of your own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from reference.errors import Conflict
from tailguard.base.errors import UsageError
from tailguard.websocket.messages import Feed


class RefusedError(Exception):
    """For adapters of your own: the platform refused cleanly, as it should."""


# What counts as a conflict, apart from ok and error, in every scenario.
REFUSALS = (Conflict, RefusedError)


class Submitted(Protocol):
    """A recorded result; `version` is the match's new version, if the platform has such."""

    @property
    def version(self) -> int | None: ...


class Uploaded(Protocol):
    """A stored certificate: its row's id, the SHA-256 of its bytes (hex) and how often storing it was retried."""

    @property
    def id(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def retries(self) -> int: ...


@dataclass(frozen=True, slots=True)
class MatchScores:
    """The committed state of a match, as a reader sees it."""

    participant1_score: int
    participant2_score: int
    updated_at: datetime | None


@runtime_checkable
class Platform(Protocol):
    """One method a journey step. A clean, expected refusal raises one of `REFUSALS`; anything else raised is an error.

    Methods are called from several threads at once.
    """

    def register(self, tournament_id: int, user_id: int) -> Any:
        """Let a user join a tournament."""

    def submit_result(
        self, match_id: int, user_id: int, score1: int, score2: int, version: int | None
    ) -> Submitted:
        """Record a result; `version` is what the caller believes to be the match's present one."""

    def match_scores(self, match_id: int) -> MatchScores:
        """Read a match as committed."""

    def transfer(self, from_wallet: int, to_wallet: int, amount: int, key: str) -> Any:
        """Move coins once, however often the same key is sent."""

    def upload_certificate(self, registration_id: int, body: bytes, kind: str) -> Uploaded:
        """Store a rendered certificate and its row."""

    def read_presigned(self, certificate_id: int) -> bytes:
        """Fetch a certificate through a presigned URL."""

    def wallet_history(self, wallet_id: int) -> Sequence[Any]:
        """Return the newest ledger rows of a wallet."""

    def moderation_history(self, ref_id: str) -> Sequence[Any]:
        """Return the newest moderation rows of a reference."""

    def feed(self, tournament_id: int) -> Feed:
        """Say where subscribers of a tournament connect."""

    def close(self) -> None:
        """Let go of connections."""


def load_platform(spec: str) -> Any:
    """Return the adapter class or factory at `package.module:Name`.

    It is called with the world and returns a `Platform`. Raises `UsageError` if it cannot be imported.
    """
    module_name, colon, name = spec.partition(":")
    if not colon or not name:
        raise UsageError(
            f"Platform {spec!r} is not of the form package.module:Name. Example: --platform acme.perf:AcmePlatform"
        )
    try:
        return getattr(import_module(module_name), name)
    except ImportError as error:
        raise UsageError(
            f"Platform {spec!r}: module {module_name!r} cannot be imported ({error}). Is it on PYTHONPATH?"
        ) from error
    except AttributeError as error:
        raise UsageError(f"Platform {spec!r}: module {module_name!r} has no {name!r}.") from error
