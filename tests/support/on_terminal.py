"""What a terminal gets of a run."""

import io

from tailguard.base.output.console import PlainConsole
from tailguard.record.run_record import RunRecord
from tailguard.report.text.terminal import print_summary
from tailguard.report.views.view import view_of


def shown(made: RunRecord, encoding: str = "utf-8", width: int = 160) -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding) as file:
        print_summary(view_of(made), PlainConsole(file=file, width=width))
        file.flush()
        return raw.getvalue().decode(encoding)
