"""What is benchmarked: commands with their parameters filled in, each with the one that it is compared with."""

import itertools
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from tailguard.base.errors import UsageError

# One of these in a command needs a shell to be understood.
_FOR_A_SHELL = frozenset("|&;<>()$`*?[]{}~#\n\\!")
AUTO, NONE, DEFAULT_SHELL = "auto", "none", "sh"
MOST_COMMANDS = 1000


@dataclass(frozen=True, slots=True)
class Command:
    """One command to time.

    Attributes:
        name: what it is called; the text unless it was named.
        text: as a shell would take it, parameters filled in.
        parameters: their values.
        baseline: name of the command that it is compared with; "" for none.
    """

    name: str
    text: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    baseline: str = ""


def commands_of(
    texts: Sequence[str], names: Sequence[str], parameters: Mapping[str, Sequence[str]], reference: str = ""
) -> list[Command]:
    """Return each command with each combination of parameters.

    The baseline is the command whose text or name `reference` is, else the first one: with the same parameters if there
    are several texts, else with the first combination. Raises UsageError for names that are twice or do not fit, and
    for a reference or a parameter that no command has.
    """
    if names and len(names) != len(texts):
        raise UsageError(
            f"{len(names)} names for {len(texts)} commands: give --command-name once for each command."
        )
    for name in parameters:
        if not any(f"{{{name}}}" in text for text in texts):
            raise UsageError(f"No command holds {{{name}}}: write the parameter where its value belongs.")
    titles = names or texts
    at = _reference(reference, titles, texts)
    values = [dict(zip(parameters, each, strict=True)) for each in itertools.product(*parameters.values())]
    if len(texts) * len(values) > MOST_COMMANDS:
        raise UsageError(f"{len(texts) * len(values)} commands: give at most {MOST_COMMANDS}.")
    found = []
    for number, (title, text) in enumerate(zip(titles, texts, strict=True)):
        for given in values:
            base = given if len(texts) > 1 else values[0]
            itself = number == at and base == given
            baseline = "" if itself else _title(titles[at], base, named=bool(names))
            found.append(
                Command(_title(title, given, named=bool(names)), filled(text, given), given, baseline)
            )
    _check_names(found)
    return found


def _reference(wanted: str, titles: Sequence[str], texts: Sequence[str]) -> int:
    if not wanted:
        return 0
    for known in (titles, texts):
        if wanted in known:
            return list(known).index(wanted)
    raise UsageError(f"--reference {wanted!r} is none of the commands: {', '.join(titles)}.")


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the text with the value of each parameter in the place of its {name}."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _title(title: str, values: Mapping[str, str], *, named: bool) -> str:
    """Name a command; the user's name for it is given the values that it does not hold itself."""
    found = filled(title, values)
    if named and found == title and values:
        found += " " + " ".join(f"{name}={value}" for name, value in values.items())
    return found


def _check_names(commands: Sequence[Command]) -> None:
    names = [each.name for each in commands]
    for name in names:
        if not name.strip():
            raise UsageError("A command is empty: give one, such as 'sleep 0.1'.")
        if names.count(name) > 1:
            raise UsageError(
                f"{name!r} is given twice: name each command with --command-name, or give other parameters."
            )


def scanned(name: str, least: str, most: str, step: str) -> list[str]:
    """Return the values of a parameter scan, both ends included, with as many decimals as were written.

    Raises UsageError for what is not a number, and for a step that does not lead from one end to the other.
    """
    try:
        low, high, by = Decimal(least), Decimal(most), Decimal(step)
    except InvalidOperation:
        raise UsageError(f"--parameter-scan {name} {least} {most} (step {step}): give numbers.") from None
    if not (by > 0 and low <= high) or (high - low) / by > MOST_COMMANDS:
        raise UsageError(
            f"--parameter-scan {name} {least} {most} (step {step}): give a step above 0 that leads from the first to"
            f" the second in at most {MOST_COMMANDS} steps."
        )
    return [str(low + by * number) for number in range(int((high - low) / by) + 1)]


def shell_for(commands: Iterable[Command], wanted: str) -> str:
    """Return the shell that runs the commands, "" for none: with "auto" only if one of them needs a shell."""
    if wanted == NONE:
        return ""
    if wanted != AUTO:
        return wanted
    return DEFAULT_SHELL if any(_needs_a_shell(each.text) for each in commands) else ""


def _needs_a_shell(text: str) -> bool:
    return bool(_FOR_A_SHELL & set(text)) or "=" in text.lstrip().partition(" ")[0]


def words_of(text: str, shell: str) -> list[str]:
    """Return the arguments that start a command. Raises UsageError for a text with an open quote."""
    try:
        return [*shlex.split(shell), "-c", text] if shell else shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a command: {error}.") from None
