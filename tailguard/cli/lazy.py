"""Commands that are imported when they are called: `tailguard --help` need not load numpy."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any  # click's own keyword arguments

import click

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.config.suite_table import SuiteTable, find_file, suite_in
from tailguard.suite.root import load_part


class Command:
    """Where a command lives (`module:attribute`), and the line that says what it does."""

    def __init__(self, place: str, about: str) -> None:
        self.place, self.about = place, about

    def load(self) -> click.Command:
        """Import the command."""
        module, attribute = self.place.split(":")
        return _command(getattr(import_module(module), attribute), self.place)


class LazyGroup(click.Group):
    """A group whose commands are imported on first use."""

    def __init__(self, *args: Any, commands_at: Mapping[str, Command], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_at = commands_at

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one is named with the nearest."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}.{did_you_mean(args[0], known)}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(self.commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, or None if there is no such command."""
        return self.commands_at[cmd_name].load() if cmd_name in self.commands_at else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without an import of any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.about) for name, each in self.commands_at.items()])


class SuiteGroup(LazyGroup):
    """Tailguard's own commands, and those of the suite around this folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return our own commands, then the suite's."""
        return [*self.commands_at, *self._suite_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command of Tailguard or of the suite, or None if there is no such command."""
        if cmd_name in self.commands_at:
            return self.commands_at[cmd_name].load()
        suite = _suite_here()
        if suite is None or cmd_name not in suite.commands:
            return None
        place = suite.commands[cmd_name]
        return _command(load_part(suite, place), place)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write our own table, then the names of the suite's commands."""
        super().format_commands(ctx, formatter)
        if commands := self._suite_commands():
            with formatter.section("Commands of this suite"):
                formatter.write_text(", ".join(commands))

    def _suite_commands(self) -> Mapping[str, str]:
        """The commands that need the suite report a broken description; the help must stay readable."""
        try:
            suite = _suite_here()
        except UsageError:
            return {}
        return {} if suite is None else suite.commands


def _suite_here() -> SuiteTable | None:
    return suite_in(find_file())


def _command(found: object, place: str) -> click.Command:
    if not isinstance(found, click.Command):
        raise UsageError(f"{place} is not a click command: name one under [suite] commands.")
    return found
