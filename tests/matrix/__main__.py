"""`make matrix`: plays all cells, resumes what was begun, writes the table. `--seconds` ends after a while."""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.matrix.cells import EXTRA, FAULTS, PARTS, PHASES, Cell, all_cells
from tests.matrix.play import play

SURVIVED, LOST, ABSENT, NOT_RUN = "✓", "✗", "—", "·"
SIGNS = {"survived": SURVIVED, "lost": LOST}
PAGE = Path("docs/reference/reliability.md")
BEGIN, END = "<!-- written by make matrix -->\n", "<!-- /written by make matrix -->\n"


def main() -> int:
    """Return 0 if no cell was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("runs/matrix.jsonl"), help="where it goes on")
    parser.add_argument("--seconds", type=float, default=3600.0, help="start no cell after so long")
    parser.add_argument("--jobs", type=int, default=2, help="cells at once")
    parser.add_argument("--only", default="", help="cells whose name holds this, played again")
    parser.add_argument("--page", type=Path, default=PAGE, help="whose table is written")
    asked = parser.parse_args()
    # In the background Ctrl-C is ignored, and all that we start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    known = read(asked.results)
    again = [cell for cell in all_cells() if asked.only and asked.only in cell.name]
    todo = again or [
        cell for cell in all_cells() if known.get(cell.name, {}).get("outcome") not in ("survived", "absent")
    ]
    ends_s = time.monotonic() + asked.seconds
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], check=True, capture_output=True, encoding="utf-8"
    ).stdout.strip()

    def one(cell: Cell) -> None:
        if time.monotonic() > ends_s:
            return
        played = play(cell)
        with asked.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(played.plain() | {"commit": commit}) + "\n")
        told = "; ".join(each.splitlines()[0] for each in played.why if each)
        print(
            f"{played.outcome:<9} {cell.name:<40} {played.exit_code} {played.seconds:6.1f} s {told[:150]}",
            flush=True,
        )

    with ThreadPoolExecutor(asked.jobs) as pool:
        list(pool.map(one, todo))
    known = read(asked.results)
    print(table(known))
    write(asked.page, table(known))
    return 1 if any(each["outcome"] == "lost" for each in known.values()) else 0


def read(results: Path) -> dict[str, dict[str, object]]:
    """Return the newest result of each cell, by its name."""
    if not results.exists():
        return {}
    lines = results.read_text(encoding="utf-8").splitlines()
    return {each["cell"]: each for each in map(json.loads, lines)}


def table(known: dict[str, dict[str, object]]) -> str:
    """Return the results as a table of Markdown: KILL, STOP, INT of each process in each phase."""
    lines = ["| process | " + " | ".join(PHASES) + " |", "|---|" + "---|" * len(PHASES)]
    for part in (*PARTS, *EXTRA):
        faults = (EXTRA[part],) if part in EXTRA else FAULTS
        row = [" ".join(sign(Cell(phase, part, fault), known) for fault in faults) for phase in PHASES]
        lines.append(f"| {part} | " + " | ".join(row) + " |")
    counts = Counter(sign(cell, known) for cell in all_cells())
    commits = {str(each["commit"]) for each in known.values() if each["outcome"] in SIGNS}
    on = f"commit {commits.pop()}" if len(commits) == 1 else "several commits"
    tried = (
        f"{counts[SURVIVED] + counts[LOST]} faults tried, {counts[SURVIVED]} survived, {counts[LOST]} lost; "
        f"{counts[NOT_RUN]} not run ({NOT_RUN}); {counts[ABSENT]} have no such process. Played on {on}."
    )
    return "\n".join([*lines, "", tried])


def write(page: Path, table: str) -> None:
    """Put the table into a page, in place of the one between its two marks."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table}\n\n{END}{after}", encoding="utf-8")


def sign(cell: Cell, known: dict[str, dict[str, object]]) -> str:
    """Return the sign of a cell's newest result."""
    if cell.absent():
        return ABSENT
    return SIGNS.get(str(known.get(cell.name, {}).get("outcome")), NOT_RUN)


if __name__ == "__main__":
    sys.exit(main())
