"""`tailguard certificates canary`: the dual write for a share of the workers, judged, promoted or rolled back."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click
from msgspec import structs

import tailguard as tg
from perf.commands.certificates.checking import say_report
from perf.commands.certificates.target import Target, check_table, open_target, places
from perf.cutover.canary import MOST_MS, CanaryStatus, GroupFigures, canary_status
from reference.certificates import StorageUnavailable
from reference.certificates.canary.control import (
    ALIVE_S,
    SHARE,
    CanaryControl,
    CanaryState,
    Phase,
    in_canary,
    least_share,
)
from reference.certificates.consistency import ConsistencyCheck, ConsistencyReport
from reference.errors import Conflict
from tailguard.kit import NumberRange, State, duration_ms, say

_TABLE = "tournament_engine_certificate_canary"
_FOLLOWED_WITHIN_S = 15.0  # each worker asks every second
_most = click.option(
    "--most", "most_ms", default=MOST_MS, show_default=True, type=NumberRange(0.001, 60_000),
    help="What S3 may cost an upload, in ms at p50 and at p95.",
)  # fmt: skip


@click.group()
def canary() -> None:
    """The dual write for a share of the workers: observe, start, status, then promote or rollback."""


@canary.command()
@places
@click.option(
    "--share", default=SHARE, show_default=True, type=NumberRange(0.001, 0.9), help="Share of the workers."
)
def observe(*, share: float, as_json: bool, **where: Any) -> int:
    """Form the two groups and measure them; nobody writes to S3 yet.

    A worker's name alone says whether it is of the canary, also after a restart. Observe for about as long as the
    canary will write: how the groups differ now is not taken for what S3 costs.
    """
    with _opened(**where) as target:
        _check_groups(CanaryControl(target.database), share)
        return _ended(target, Phase.OBSERVING, as_json=as_json, share=share)


@canary.command()
@places
def start(*, as_json: bool, **where: Any) -> int:
    """Let the canary write to S3 beside the disk."""
    with _opened(**where) as target:
        return _ended(target, Phase.WRITING, as_json=as_json)


@canary.command()
@places
@_most
def status(*, most_ms: float, as_json: bool, **where: Any) -> int:
    """Say where the canary is, and judge what S3 costs.

    Exits 0 PASS, 99 FAIL, 75 INCONCLUSIVE, 65 INVALID.
    """
    with _opened(**where) as target:
        return _said(canary_status(target.database, most_ms), as_json=as_json)


@canary.command()
@places
@_most
@click.option("--force", is_flag=True, help="Promote without a PASS.")
def promote(*, most_ms: float, force: bool, as_json: bool, **where: Any) -> int:
    """Let all workers write to S3 if the verdict is PASS; then compare rows, disk and S3.

    Any other verdict is printed, changes nothing, and is the exit code as that of `status` is.
    """
    with _opened(**where) as target:
        found = canary_status(target.database, most_ms)
        if found.state.phase is Phase.WRITING and found.verdict is not State.PASS and not force:
            say(
                "Not promoted. Wait for more uploads, roll back, or promote all the same with --force.",
                err=True,
            )
            return _said(found, as_json=as_json)
        return _ended(target, Phase.PROMOTED, as_json=as_json, check=True)


@canary.command()
@places
def rollback(*, as_json: bool, **where: Any) -> int:
    """Let no worker write to S3, whatever the verdict is; then compare rows, disk and S3.

    What S3 has stays valid, and the disk has all of it. Exits 65 if something is wrong, 75 if S3 does not answer or a
    worker does not follow.
    """
    with _opened(**where) as target:
        return _ended(target, Phase.ROLLED_BACK, as_json=as_json, check=True)


@contextmanager
def _opened(**where: Any) -> Iterator[Target]:
    with open_target(**where) as target:
        check_table(
            target.database, _TABLE, "docs/how-to/certificates-s3-cutover.md has the SQL, under Canary"
        )
        yield target


def _check_groups(control: CanaryControl, share: float) -> None:
    """Raise UsageError unless both groups have a worker."""
    names = [name for name, _ in control.workers()]
    if len(names) < 2:  # noqa: PLR2004  # a group each
        raise tg.UsageError(
            f"{len(names)} workers with a name were seen within {ALIVE_S} s: a canary needs two or more."
        )
    shares = sorted(map(least_share, names))
    some, most = shares[0] + 0.001, shares[-1] - 0.001
    if not shares[0] < share <= shares[-1]:
        raise tg.UsageError(
            f"A share of {share:g} has {'none' if share <= shares[0] else 'all'} of the {len(names)} workers, by "
            f"their names: give --share {some:.3f} for one of them, --share {most:.3f} for all but one."
        )


def _ended(
    target: Target, phase: Phase, *, as_json: bool, share: float | None = None, check: bool = False
) -> int:
    """Begin a phase, wait until the workers follow, and check what there is if asked; returns the exit code."""
    control = CanaryControl(target.database)
    try:
        state = control.move(phase, share)
    except Conflict as error:
        raise tg.UsageError(f"{str(error).replace('the', 'The', 1)}.") from None
    behind = _behind(control, state)
    report, why = _compared(target) if check else (None, "")
    if as_json:
        told = {"phase": phase, "share": state.share, "behind": behind, "unchecked": why}
        checked = {"check": asdict(report) | {"clean": report.clean}} if report else {}
        say(json.dumps(told | checked, ensure_ascii=False))
    else:
        names = [name for name, _ in control.workers()]
        chosen = ", ".join(name for name in names if in_canary(name, state.share))
        lines = [
            f"The canary is {_words(phase)}: {chosen}. {len(names) - len(behind)} of {len(names)} workers follow."
        ]
        lines += [f"  does not follow: {name}; look at its connection, or restart it" for name in behind]
        say(*lines)
        if report:
            say_report(report)
        if why:
            say(f"Rows, disk and S3 were not compared: {why}. Do it later: tailguard certificates check")
    if report and not report.clean:
        return State.INVALID.exit_code
    return State.INCONCLUSIVE.exit_code if behind or why else 0


def _behind(control: CanaryControl, state: CanaryState) -> list[str]:
    """Wait for the workers; return those that do not follow in time."""
    ends_s = time.monotonic() + _FOLLOWED_WITHIN_S
    while behind := [name for name, follows in control.workers() if follows != state.number]:
        if time.monotonic() > ends_s:
            return behind
        time.sleep(0.1)
    return []


def _compared(target: Target) -> tuple[ConsistencyReport | None, str]:
    """Compare rows, disk and S3; or say why that could not be done: a roll-back must not need S3."""
    try:
        return ConsistencyCheck(target.database, target.local, target.s3).run(), ""
    except (StorageUnavailable, Conflict) as error:
        return None, str(error)


def _said(found: CanaryStatus, *, as_json: bool) -> int:
    if as_json:
        told = {
            "phase": found.state.phase,
            "share": found.state.share,
            "canary": found.canary,
            "rest": found.rest,
            "behind": found.behind,
            "figures": found.figures
            and dict(zip(("canary", "rest"), map(asdict, found.figures), strict=True)),
            "verdict": found.verdict,
            "why_invalid": found.why_invalid,
            "changes": [structs.asdict(each) for each in found.changes],
        }
        say(json.dumps(told, ensure_ascii=False))
        return found.verdict.exit_code
    say(*_lines(found))
    return found.verdict.exit_code


def _lines(found: CanaryStatus) -> Iterator[str]:
    since = f" since {found.state.begun_at:%Y-%m-%d %H:%M:%S %Z}" if found.state.begun_at else ""
    alive, names = len(found.canary) + len(found.rest), ", ".join(found.canary) or "none is alive"
    yield f"The canary is {_words(found.state.phase)}{since}: {len(found.canary)} of {alive} workers ({names})"
    yield from (f"  does not follow: {name}" for name in found.behind)
    for name, figures in zip(("canary", "rest"), found.figures or (), strict=False):
        yield f"  {name:<7} {_figures(figures)}"
    reasons = {each.why for each in found.changes}
    if found.why_invalid or len(reasons) == 1:  # nothing could be compared
        yield f"{found.verdict}: {found.why_invalid or reasons.pop()}"
        return
    yield from (f"{each.state:<13} {each.name}: {each.why}" for each in found.changes)
    yield f"{found.verdict}"


def _words(phase: Phase) -> str:
    return phase.replace("_", " ")


def _figures(figures: GroupFigures) -> str:
    return (
        f"{figures.uploads:,} uploads, p50 {duration_ms(figures.p50_ms)}, p95 {duration_ms(figures.p95_ms)}, "
        f"{figures.failures:,} that S3 did not take"
    )
