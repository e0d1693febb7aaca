"""What the user says of a file of another tool: the same options for `judge` and `gate`."""

from collections.abc import Callable
from typing import Any, TypeVar  # click's own keyword arguments

import click

from tailguard.judge.objective import UNITS_MS

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--column", help="Column, k6 metric, array, or number of a column if there is no header, from 1."
    ),
    click.option(
        "--unit", type=click.Choice([*UNITS_MS]), help="Unit of the numbers, if the file does not say it."
    ),
    click.option("--name", default="", help="URL, label or command to look at; '*' takes all together."),
    click.option(
        "--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be read; they are counted."
    ),
)


def file_options(command: _Command) -> _Command:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
