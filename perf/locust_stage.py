"""What the bridge to locust is handed: the stage of a run. So the bridge knows no scenario and no threshold."""

from collections.abc import Sequence
from typing import Any, Protocol

from perf.locust_master import Master
from perf.locust_worker import Message, OpenWorkplace


class Stage(Protocol):
    """What a run is made of."""

    @property
    def open_workplace(self) -> OpenWorkplace:
        """What opens a worker's workplace from a plan."""
        ...

    def add_options(self, parser: Any) -> None:
        """Add our command line options to locust's parser."""

    def find_host(self, options: Any) -> str:
        """Return the target's address, starting one where none was given; raises TailguardError."""
        ...

    def playable(self, slugs: Sequence[str]) -> list[str]:
        """Return the scenarios that the target can be asked for, and say aloud which are left out."""
        ...

    def begin(self, options: Any, host: str, slugs: Sequence[str], users: int) -> tuple[str, Message]:
        """Begin a run; returns its id and the plan for the workers."""
        ...

    def renewal(self) -> Message | None:
        """Return new credentials for the workers where the old ones are about to expire; may take a while."""
        ...

    def look(self, master: Master) -> bool:
        """Look at what has come so far; True where everything is decided and the run should end."""
        ...

    def finish(self, master: Master, faults: Sequence[str], because: str | None, *, decided: bool) -> int:
        """Judge, save and report; returns the exit code. `because` says why the run was cut short, if it was."""
        ...

    def tls(self) -> Any:
        """Return the SSL context of this worker's present target."""
        ...

    def attach(self, web_ui: Any) -> None:
        """Add what is ours to locust's web page."""

    def close(self) -> None:
        """End what `find_host` started."""


def keep_tagged(environment: Any, options: Any) -> None:
    """Leave out the users whose every task the tags exclude: locust would fail to start them."""
    wanted, unwanted = set(options.tags or ()), set(options.exclude_tags or ())

    def kept(user: Any) -> bool:
        tags = getattr(user.turn, "locust_tag_set", set()) if hasattr(user, "scenario") else wanted
        return (not wanted or bool(tags & wanted)) and not tags & unwanted

    environment.user_classes = [user for user in environment.user_classes if kept(user)]
