"""Locust's pytest plugin comes with us, and takes `--host` and `-H` before a project's conftest can, which would die.

So its option is taken out while the conftests are loaded, and put back if the project has none of that name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

HOST = "--host"


@contextmanager
def host_left_to_the_project(parser: Any, config: pytest.Config) -> Iterator[None]:
    """Let the project add a `--host` while the `with` lasts; `parser` is pytest's, whose parts have no public names."""
    locusts = config.pluginmanager.get_plugin("locust")
    if locusts is None or not _take_out(parser):
        yield
        return
    vars(config.option).pop("host", None)  # its default, which would be taken for a value
    yield
    if not any(HOST in option.names() for group in parser._groups for option in group.options):  # noqa: SLF001
        locusts.pytest_addoption(parser)


def _take_out(parser: Any) -> bool:
    group = parser._anonymous  # noqa: SLF001  # what `parser.addoption` adds to
    for option in group.options:
        if HOST in option.names():
            group.options.remove(option)
            _forget(parser, option.names())
            return True
    return False


def _forget(parser: Any, names: list[str]) -> None:
    """From pytest 9 on, argparse has an option at once; before, it gets them all when the words are parsed."""
    known = getattr(getattr(parser, "optparser", None), "_option_string_actions", {})
    for action in {known.pop(name) for name in names if name in known}:
        action.container._remove_action(action)  # noqa: SLF001
