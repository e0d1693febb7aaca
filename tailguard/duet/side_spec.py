"""What the user asked a side of a duet to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tailguard.base.errors import UsageError
from tailguard.config.option import OptionValue


@dataclass(frozen=True, slots=True)
class SideSpec:
    """A commit, a folder, a URL, a command, or (none of them) the work tree; a platform adapter; variables; settings.

    `settings` are values of the configuration by dotted key, over those of both sides.
    """

    ref: str = ""
    folder: str = ""
    platform: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    command: str = ""
    settings: Mapping[str, OptionValue] = field(default_factory=dict)

    @property
    def server(self) -> bool:
        """Whether it is a server, reached over HTTP."""
        return bool(self.url or self.command)

    @property
    def given(self) -> bool:
        """Whether it says anything at all."""
        return bool(self.ref or self.folder or self.platform or self.environ or self.settings or self.server)

    def check(self) -> None:
        """Raise UsageError if it is several things at once."""
        kinds = {"a commit": self.ref, "a folder": self.folder, "a URL": self.url, "a command": self.command}
        given = {kind: value for kind, value in kinds.items() if value}
        if self.server and self.platform:
            given["a platform adapter"] = self.platform
        if len(given) > 1:
            said = " and ".join(f"{kind} {value!r}" for kind, value in given.items())
            raise UsageError(f"A side is one thing, not {said}: leave out all but one.")
