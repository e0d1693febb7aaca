"""What can end a migration without the index that was asked for."""

from tailguard.base.errors import TailguardError, UsageError


class WrongIndexError(UsageError):
    """An index of that name is there and is another one, or an equivalent one makes it superfluous."""


class MigrationStoppedError(TailguardError):
    """Blocked, cancelled or out of time: nothing usable was built, and trying again may well succeed."""

    exit_code = 75


class OutOfTimeError(MigrationStoppedError):
    """Our own deadline ended a statement."""


class DuplicateValuesError(TailguardError):
    """The rows contradict a UNIQUE index. Trying again cannot help."""

    exit_code = 65
