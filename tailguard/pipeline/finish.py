"""How every kind of run ends: judged, saved, reported, with the exit code that it deserves."""

from pathlib import Path

from tailguard.base.interrupts import left_behind
from tailguard.base.output.console import output_console
from tailguard.base.output.streams import say
from tailguard.config.suite_table import SuiteTable
from tailguard.record.run import Run


def finish(run: Run, suite: SuiteTable | None) -> int:
    """Conclude the ended run and print its summary. Returns its exit code."""
    page = conclude(run, suite)
    from tailguard.report.text.terminal import print_summary  # noqa: PLC0415  # as below
    from tailguard.report.views.view import view_of  # noqa: PLC0415  # likewise

    print_summary(view_of(run.record), output_console())
    say("", f"Report: {page}")
    return run.record.deserved_exit_code


def conclude(run: Run, suite: SuiteTable | None) -> Path:
    """Judge the ended run, save it, write its report with the suite's own sections. Returns the report's path."""
    # The libraries of the charts and the tests take seconds to import: not before the platform has been measured.
    from tailguard.compare.verdicts import verdicts_of  # noqa: PLC0415
    from tailguard.report.report import write_report  # noqa: PLC0415
    from tailguard.report.sections import sections_of  # noqa: PLC0415

    with left_behind(f"{run.folder} without a report: `tailguard report {run.folder}` writes it"):
        try:
            run.put_verdicts(verdicts_of(run))
            run.put_exit_code(run.record.deserved_exit_code)
            run.save()
            return write_report(run, sections_of(suite))
        except KeyboardInterrupt:
            say(f"All is saved; `tailguard report {run.folder}` writes the report.", err=True)
            raise
