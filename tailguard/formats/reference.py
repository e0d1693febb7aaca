"""docs/reference/latency-files.md, out of what the readers say: `python -m tailguard.formats.reference`."""

import sys
from typing import TYPE_CHECKING, Any  # a format of any shape of file

from tailguard.base.text_format import ratio
from tailguard.formats.checked import LONGEST_MS
from tailguard.formats.format import Format, Summary
from tailguard.formats.judged import UNSTATED_FAILURES
from tailguard.formats.known import DOCUMENTS, HISTOGRAMS, LINES, TABLES, TEXTS
from tailguard.formats.summaries import DOCUMENTS as SUMMARY_DOCUMENTS
from tailguard.formats.summaries import GATLING_BINARY, VEGETA_BINARY
from tailguard.formats.summaries import TABLES as SUMMARY_TABLES
from tailguard.formats.summaries import TEXTS as SUMMARY_TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable

_BEGINNING = f"""\
# Files that `judge` and `gate` read

    tailguard judge results.jtl --objective 'GET /cart p95 <= 215ms' --objective 'error rate < 1%'
    tailguard gate before.jtl,before2.jtl,before3.jtl after.jtl,after2.jtl,after3.jtl

This page is written by `python -m tailguard.formats.reference`, from the readers themselves; a test keeps it true.

- **The format** is recognised by the file's content, not by its name. Text may begin with a byte order mark, be UTF-16,
  have any line ends, and be packed by gzip or zstd.
- **Failed requests** are not part of a latency; the verdict says how many there were. `error rate < 1%` judges them. If
  {ratio(UNSTATED_FAILURES)} or more failed and no objective limits the error rate, latencies are INVALID instead of
  PASS; also if all requests failed.
- **Names** (URLs, labels, commands) are judged one by one: `'GET /cart p95 <= 215ms'`, or `--name 'GET /cart'` for
  all objectives. `--name '*'` takes all together. `gate` compares each name by itself.
- **The unit** follows from the format or from the end of the column's name; otherwise give `--unit`.
- **The order** is that of the time stamps, or of the file. Histograms, and rows that are sorted by latency, have lost
  it: they are INCONCLUSIVE unless you say `--dependence independent`. A limit within a bucket of a histogram is judged
  from both sides.
- **A row that cannot be read** is an error with the number of the row; `--skip-bad-rows` leaves such rows out and
  counts them. A last line that is cut off is left out and counted. All rows must have as many fields as the first one.
- A time stamp, a counter, or a latency beyond {LONGEST_MS / 3_600_000:.0f} hours is refused.
"""

_ARRAYS = """\
## Arrays and Parquet

- `samples.parquet` of Tailguard's runs: in ns, from the intended start; `outcome` says which samples failed, clean
  refusals are left out; names are "scenario/step".
- Any other Parquet file: its columns are chosen like those of any other table.
- `.npy`, `.npz` of numpy: one row of numbers; `--column` names the array of several. Pickles are never loaded.
"""


def page() -> str:
    every: tuple[Format[Any], ...] = (*TABLES, *LINES, *DOCUMENTS, *TEXTS, *HISTOGRAMS)
    formats = "\n".join(_section(form) for form in every)
    return f"{_BEGINNING}\n{formats}\n{_ARRAYS}\n{_summaries()}"


def _section(form: Format[Any]) -> str:
    example = "".join(f"    {line[:110]}\n" for line in form.example.replace("\t", " ⇥ ").splitlines()[:5])
    return (
        f"## {form.title}\n\n"
        f"- made by: `{form.made_by}`\n- known by: {form.known_by}\n- unit: {form.unit}\n"
        f"- failed: {form.failed}\n- names: {form.names}\n\n{example}"
    )


def _summaries() -> str:
    found: Iterable[Summary[Any]] = (*SUMMARY_TABLES, *SUMMARY_DOCUMENTS, *SUMMARY_TEXTS)
    lines = [f"- {each.title}: {each.remedy}" for each in found]
    lines += [f"- {each}" for each in (VEGETA_BINARY, GATLING_BINARY)]
    return "\n".join(
        [
            "## Recognised, but not read",
            "",
            "Percentiles and averages do not tell how many requests exceeded a limit. These files are refused:",
            "",
            *dict.fromkeys(lines),
            "",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(page())
