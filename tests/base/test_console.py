"""Standard output: folded on a terminal, never in a pipe."""

import subprocess
import sys

import pytest

SCRIPT = """
from rich.table import Table
from tailguard.base.output.console import output_console
table = Table(box=None, show_header=False)
table.add_row("? INCONCLUSIVE", "certificate_upload presigned_read p95 <= 215ms", "x" * 200)
output_console().print(table)
"""


@pytest.mark.parametrize(("columns", "lines"), [({}, 1), ({"COLUMNS": "80"}, 2)])
def test_in_a_pipe_a_verdict_is_one_line_with_its_whole_name_unless_columns_says_how_wide(columns, lines):
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        env=columns,
        encoding="utf-8",
    )
    assert len(found.stdout.splitlines()) == lines
    assert ("certificate_upload presigned_read p95 <= 215ms" in found.stdout) == (lines == 1)
