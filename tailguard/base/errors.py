"""Errors that a user can mend. Each one names the thing, the value and the next step."""


class TailguardError(Exception):
    """Base of all errors shown to a user as one message, without a traceback."""

    exit_code = 70


class UsageError(TailguardError):
    """The command, its configuration or its input is wrong."""

    exit_code = 64


class InvalidRunError(TailguardError):
    """What was measured cannot be trusted, or an invariant broke."""

    exit_code = 65


class InterruptedRunError(TailguardError):
    """The run was stopped before its end; what was measured is on disk."""

    exit_code = 130
