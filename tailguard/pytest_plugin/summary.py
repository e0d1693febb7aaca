"""The summary of a run at the end of a pytest run; its report is written here, once."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tailguard.base.errors import TailguardError
from tailguard.config.merge import load_config
from tailguard.pipeline.finish import conclude
from tailguard.record.doubt import Grade
from tailguard.record.run import Run


def lines_of(folder: Path, profile: str | None) -> Iterator[str]:
    """Yield the count of verdicts, the doubts and where the report is; that of a suite has the suite's sections."""
    try:
        run = Run.load(folder)
        told = conclude(run, load_config(profile).suite if run.record.suite else None)
    except TailguardError as error:
        yield str(error)
        return
    states = Counter(str(each.state) for each in run.record.verdicts)
    asked = "objectives" if run.record.duet is None else "metrics, compared with a commit"
    yield f"{sum(states.values())} {asked}: " + ", ".join(f"{n} {state}" for state, n in states.items())
    for doubt in run.record.doubts:
        if doubt.grade is not Grade.NOTE:
            yield f"Doubt about {doubt.scenario or 'the whole run'}: {doubt.title}: {doubt.measured}; {doubt.remedy}"
    yield told
