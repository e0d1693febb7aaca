"""How every kind of run ends: judged, saved, reported, with the exit code that it deserves."""

from tailguard.base.interrupts import left_behind
from tailguard.base.output.console import output_console
from tailguard.base.output.streams import say
from tailguard.config.suite_table import SuiteTable
from tailguard.record.run import Run
from tailguard.record.run_record import Ended


def finish(run: Run, suite: SuiteTable | None) -> int:
    """Conclude the ended run and print its summary. Returns its exit code."""
    told = conclude(run, suite)
    from tailguard.report.text.terminal import print_summary  # noqa: PLC0415  # as below
    from tailguard.report.views.view import view_of  # noqa: PLC0415  # likewise

    print_summary(view_of(run.record), output_console())
    say("", told)
    return run.record.deserved_exit_code


def conclude(run: Run, suite: SuiteTable | None) -> str:
    """Judge the ended run, save it, write its report with the suite's own sections. Returns where that is, in words.

    Of an interrupted run the report is left out: its user waits for the prompt.
    """
    later = f"`tailguard report {run.folder}` writes its report"
    with left_behind(f"{run.folder} without a report: {later}"):
        try:
            # The libraries of the charts and the tests take seconds to import: not before the platform was measured.
            from tailguard.compare.verdicts import verdicts_of  # noqa: PLC0415

            run.put_verdicts(verdicts_of(run))
            run.put_exit_code(run.record.deserved_exit_code)
            run.save()
            return f"All is saved; {later}." if run.record.ended is Ended.INTERRUPTED else _report(run, suite)
        except KeyboardInterrupt:
            say(f"All is saved; {later}.", err=True)
            raise


def _report(run: Run, suite: SuiteTable | None) -> str:
    from tailguard.report.own_template import template_of  # noqa: PLC0415
    from tailguard.report.report import write_report  # noqa: PLC0415  # as above
    from tailguard.report.sections import sections_of  # noqa: PLC0415

    page = write_report(run, sections_of(suite), template_of(suite))
    return f"Report: {page} ({page.resolve().as_uri()})"
