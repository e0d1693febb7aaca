"""What a run compared with what, in one sentence, and what of its measurement is doubtful, in another."""

from collections.abc import Iterator, Sequence

from tailguard.base import text_format
from tailguard.record.bench import Bench
from tailguard.record.chaos import Chaos
from tailguard.record.ddl import DdlProof
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.duet import Duet
from tailguard.record.migration import LiveProof, MigrationEntry
from tailguard.record.run_record import RunRecord
from tailguard.record.shadow import Shadow
from tailguard.record.soak import Soak
from tailguard.report.views import numbers
from tailguard.report.views.numbers import plural
from tailguard.report.views.verdict_view import judged_of

_GRADES = {Grade.GRAVE: "grave doubt", Grade.WARN: "warning", Grade.NOTE: "note"}


def compared_of(record: RunRecord) -> str:
    """Say what was measured, and what stood against what: sides, scenarios, objectives, faults, migrations."""
    if record.duet:
        return _sides(record.duet)
    if record.bench:
        return _commands(record.bench)
    if record.soak:
        return _soaked(record.soak)
    if record.shadow:
        return _shadowed(record.shadow)
    parts = [*_scenarios(record), *map(_migration, record.migrations)]
    parts += [_file(record.ddl)] if record.ddl else []
    if not parts:
        return "Nothing was measured."
    return f"{'Measured' if record.scenarios else 'Compared'}: {'; '.join(parts)}."


def gravest_first(doubts: Sequence[Doubt]) -> tuple[Doubt, ...]:
    """Return the gravest first, otherwise in their order."""
    return tuple(sorted(doubts, key=lambda doubt: -doubt.grade.severity))


def doubtful_of(doubts: Sequence[Doubt]) -> str:
    """Count the doubts by grade and name their kinds, each once, the gravest first."""
    if not doubts:
        return "No doubt was recorded about the measurement."
    grades = [doubt.grade for doubt in doubts]
    counted = ", ".join(
        plural(grades.count(grade), noun) for grade, noun in _GRADES.items() if grade in grades
    )
    kinds = dict.fromkeys(doubt.title for doubt in gravest_first(doubts))
    return f"Doubtful: {counted} ({', '.join(kinds)})."


def _sides(duet: Duet) -> str:
    if not duet.sides:
        return "Nothing was compared: the sides could not be opened."
    candidate, baseline = duet.sides["candidate"].label, duet.sides["baseline"].label
    pairs = plural(len(duet.blocks), "pair")
    return f"Compared: candidate ({candidate}) against the baseline ({baseline}), {pairs} of fresh processes."


def _soaked(soak: Soak) -> str:
    asked, found = text_format.duration_s(soak.seconds), soak.found
    if found is None:
        return f"A soak of {asked} that has not ended."
    leaders = plural(len(soak.terms), "leader")
    lost_s = sum(gap.seconds for gap in found.gaps)
    lost = f", {text_format.duration_s(lost_s)} of load lost between them" if lost_s else ""
    return f"A soak of {asked}: {plural(found.segments, 'segment')} by {leaders}{lost}."


def _shadowed(shadow: Shadow) -> str:
    counts = shadow.counts
    return (
        f"Compared: candidate ({shadow.candidate}) with the primary ({shadow.primary}), "
        f"{numbers.count(counts.compared)} of {plural(counts.answered, 'request')} repeated."
    )


def _commands(bench: Bench) -> str:
    baselines = dict.fromkeys(each.baseline for each in bench.commands.values() if each.baseline)
    if not baselines:
        return f"Timed: {plural(len(bench.commands), 'command')}, without a baseline."
    return f"Compared: {plural(len(bench.commands), 'command')} in turns, against {', '.join(baselines)}."


def _scenarios(record: RunRecord) -> Iterator[str]:
    if not record.scenarios:
        return
    under = recovered = ""
    if record.chaos:
        under = f" under {plural(len(record.chaos.windows), 'fault')} injected on purpose"
        recovered = _recovered(record.chaos)
    judged = judged_of(record)
    against = plural(len(judged), "objective") if judged else "no objective"
    yield f"{plural(len(record.scenarios), 'scenario')}{under} against {against}{recovered}"


def _recovered(chaos: Chaos) -> str:
    if not chaos.recoveries:
        return ""
    longest = numbers.seconds(max(each.recovered_s for each in chaos.recoveries))
    return f", recovered after {longest} at most (limit: {numbers.seconds(chaos.recover_s)})"


def _migration(entry: MigrationEntry) -> str:
    name = f"migration {entry.number} on {numbers.count(entry.rows)} rows"
    if entry.live:
        return f"{name}, {_under_load(entry, entry.live)}"
    if entry.act == "drop":
        return f"{name}, queries and writes with the index and without it"
    return f"{name}, its query before and after"


def _file(proof: DdlProof) -> str:
    steps, rows = plural(len(proof.steps), "step"), numbers.count(proof.largest.rows)
    return (
        f"{steps} of {proof.file} on {rows} rows, compared with a window without them and with their safe way"
    )


def _under_load(entry: MigrationEntry, live: LiveProof) -> str:
    times = plural(len(live.builds), entry.act)
    control = f"a plain {entry.statement}" if live.control else "no control"
    return f"{times} under load, compared with a window without one and {control}"
