"""The run key: a process that has it may be the master or a worker of a run.

Given by a variable or in a file; without either, processes of one user on one machine share a key that nobody else can
read. It is never on a command line, in a log or in a run's files.
"""

import hmac
import ipaddress
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.base.reading.regular_file import read_text
from tailguard.base.secrets import keep_secret

VARIABLE, FILE_VARIABLE = "TAILGUARD_RUN_KEY", "TAILGUARD_RUN_KEY_FILE"
# From one recorded greeting, keys can be tried offline: a key must be random, not thought of by a person.
SHORTEST = 32
HOW = f"set {VARIABLE} to the same value on the master and all workers, for example that of `openssl rand -hex 32`"


@dataclass(frozen=True, slots=True)
class RunKey:
    """`given` says whether the user gave it, or it is this user's own on this machine."""

    text: str = field(repr=False)
    given: bool

    def __post_init__(self) -> None:
        keep_secret(self.text)

    def derived(self, what: str) -> bytes:
        """Return 32 secret bytes that follow from the key, for one purpose."""
        return hmac.digest(self.text.encode(), what.encode(), "sha256")


def given_key(environ: Mapping[str, str]) -> RunKey | None:
    """Return the key that the environment names. Raises UsageError for one that is too short or cannot be read."""
    text, file = environ.get(VARIABLE, "").strip(), environ.get(FILE_VARIABLE, "")
    if text and file:
        raise UsageError(f"Both {VARIABLE} and {FILE_VARIABLE} are set: leave one of them out.")
    if file:
        text = read_text(Path(file)).strip()
    if not text and not file:
        return None
    if len(text) < SHORTEST:
        raise UsageError(
            f"{FILE_VARIABLE if file else VARIABLE} has {len(text)} characters: give {SHORTEST} or more, {HOW}."
        )
    return RunKey(text, given=True)


def own_key(environ: Mapping[str, str], otherwise: str) -> RunKey:
    """Return this user's own key on this machine, made when it is first asked for; `otherwise` if it cannot be kept."""
    try:
        text = _kept(_state_folder(environ) / "run-key")
    except (OSError, RuntimeError):  # RuntimeError: the user has no home
        text = otherwise
    return RunKey(text, given=False)


def refuse_without_key(host: str, key: RunKey) -> None:
    """Raise UsageError if a master listens where strangers are, and nobody gave it a key."""
    if not key.given and not _is_loopback(host):
        raise UsageError(
            f"--master-bind-host {host} lets other machines reach this master, and it has no run key to know its "
            f"workers by: {HOW}; or leave the option out to listen on this machine alone."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _state_folder(environ: Mapping[str, str]) -> Path:
    state = environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state else Path.home() / ".local" / "state") / "tailguard"


def _kept(path: Path) -> str:
    """Return the key in a file, which is made whole or not at all: master and workers start at the same time."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        new = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(SHORTEST))
            with suppress(FileExistsError):  # another process was faster
                os.link(new, path)
        finally:
            new.unlink()
    return path.read_text(encoding="ascii")
