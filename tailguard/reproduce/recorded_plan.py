"""What was to be done in a recorded run: its configuration, its suite and its starts, the same bit for bit."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.base.secrets import MASK
from tailguard.config.layers import flatten
from tailguard.config.merge import Config, load_config
from tailguard.config.suite_table import SuiteTable, suite_in
from tailguard.engine.schedule import starts_sha256
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.preparation import loads_of
from tailguard.record.objective import Objectives
from tailguard.record.part import Json
from tailguard.record.run_record import REPRODUCED, PlayedSuite, RunRecord
from tailguard.suite.discovery import Suite

# Where the new run lies.
RUNS_DIR = "runs_dir"


def check_kind(record: RunRecord) -> tuple[PlayedSuite, Objectives]:
    """Return the suite that the run played and what it was judged by.

    Raises UsageError if it is not of a kind that can be played again.
    """
    if record.command[:2] not in REPRODUCED:
        raise UsageError(
            f"Run {record.id} was made by `{' '.join(record.command[:2])}`. Only runs of `tailguard run` are"
            f" reproduced: type its own command again: {' '.join(record.command)}"
        )
    if record.suite is None or record.objectives is None:
        raise UsageError(
            f"The record of run {record.id} does not say which suite it played, by which objectives: an older Tailguard"
            f" wrote it. Type its command again: {' '.join(record.command)}"
        )
    return record.suite, record.objectives


def recorded_config(
    record: RunRecord, played: PlayedSuite, folder: Path, own: Mapping[str, Json]
) -> tuple[Config, Suite]:
    """Return the run's configuration and suite, whose code is in `folder`; `own` are values of the new run.

    Raises UsageError that names each value which is not as it was, a secret that is not set among them.
    """
    recorded = dict(flatten(record.config.value))
    given = {name: value for name, value in recorded.items() if value is not None and not _masked(value)}
    config, suite = open_suite(
        load_config(record.profile, flags={**given, **own}, suite=_table(played, folder))
    )
    now = dict(flatten(config.frozen()))
    wrong = [
        _difference(name, recorded.get(name), now.get(name))
        for name in dict.fromkeys([*recorded, *now])
        if recorded.get(name) != now.get(name) and name not in {RUNS_DIR, *own}
    ]
    if wrong:
        raise UsageError("\n  ".join([f"The configuration of run {record.id} cannot be had again:", *wrong]))
    return config, suite


def check_starts(record: RunRecord, config: Config, suite: Suite) -> list[str]:
    """Return the scenarios whose starts cannot be compared, in words.

    Raises UsageError if those of a scenario are not the same bit for bit.
    """
    loads = loads_of(config, suite)
    told = []
    for slug, entry in record.scenarios.items():
        now = starts_sha256(loads[slug].schedule.starts_ns()) if slug in loads else None
        if entry.starts_sha256 is None:
            told.append(f"the iterations of {slug} begin when a user is free, so no instants are compared")
        elif now != entry.starts_sha256:
            raise UsageError(
                f"The starts of {slug} are not those of run {record.id}: recorded {entry.starts_sha256[:12]}, now"
                f" {(now or 'none')[:12]}. Install the versions of then: numpy draws them."
            )
    return told


def _table(played: PlayedSuite, folder: Path) -> SuiteTable:
    file = folder / played.file
    for path in [file, *(folder / each.partition("::")[0] for each in (*played.scenarios, *played.asked))]:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"The record names {path}, which is not in {folder}. Look at who made it.")
    table = suite_in(file if file.is_file() else None) or SuiteTable(file)
    return replace(table, scenarios=played.scenarios, asked=played.asked)


def _masked(value: Json) -> bool:
    texts: Iterator[Json] = iter(value if isinstance(value, list) else [value])
    return any(isinstance(text, str) and MASK in text for text in texts)


def _difference(name: str, recorded: Json, now: Json) -> str:
    if _masked(recorded):
        return f"{name} was a secret, which no record keeps: set it in the environment."
    return f"{name} was {recorded!r} and is {now!r}."
