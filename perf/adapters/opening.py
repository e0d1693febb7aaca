"""The platform as scenarios reach it: by its methods, over HTTP, or through your own adapter."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import tailguard as tg
from perf.adapters.choice import load_adapter
from perf.adapters.http import HttpPlatform, Note, Tokens
from perf.adapters.in_process import InProcessPlatform
from perf.offer import World
from perf.platform import Closes
from perf.reference import Access, Reference
from perf.secret import VARIABLE, secret_in
from tailguard.http import Exchange


def secret_of_target() -> str:
    """Return what signs the tokens of a server of `tailguard serve`. Raises UsageError if it is not set."""
    secret = secret_in(os.environ)
    if not secret:
        raise tg.UsageError(
            f"There is no way to log in at this target. For a server of `tailguard serve`, set {VARIABLE} to "
            "the one it was started with; for your own platform, describe its routes and its log-in in a file "
            "(docs/examples/deltacrown-mapping.toml), under locust with --tailguard-target FILE."
        )
    return secret


@contextmanager
def called_in_process(reference: Reference) -> Iterator[InProcessPlatform]:
    """Call the reference platform by its methods while the `with` lasts."""
    with (
        reference.open() as (deltacrown, metrics),
        closing(InProcessPlatform(deltacrown, metrics, reference.spectator)) as platform,
    ):
        yield platform


def over_http(
    url: str, reference: Reference | Access, connections: Exchange, note: Note, *, used: bool
) -> HttpPlatform:
    """Speak to a server of the reference platform; of one that others have `used` we know no versions of matches."""
    tokens = Tokens(reference.token)
    return HttpPlatform(
        url, tokens, connections, note, spectator=reference.spectator, states_versions=not used
    )


@contextmanager
def your_own(adapter: str, world: World) -> Iterator[Closes]:
    """Open your adapter while the `with` lasts."""
    with closing(load_adapter(adapter)(world)) as platform:
        yield platform
