"""`make ddl-matrix`: proves every kind on versions of PostgreSQL, resumes what was begun, writes the page's table."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tailguard.ddl.options import DdlOptions
from tailguard.migrations.kinds import Kind, kind_called, kinds
from tests.ddl.matrix import WORLD, Played, accused, failed, longest_ms, proved, seeded
from tests.ddl.page import PAGE, kind_of, rendered
from tests.support.postgres_versions import programs_of

# The safe way is run so often: an accusation of one of them by chance would be seen.
SAFE_RUNS = {"18": 10, "17": 2, "16": 2, "15": 2}
BINARIES = {version: None if version == "18" else programs_of(version) for version in SAFE_RUNS}
SHOWN_ROWS = "200000000"


def main() -> int:
    """Return 0 if every kind is caught or not as its class says, and at most one run in a hundred is accused."""
    parser = argparse.ArgumentParser(prog="python -m tests.ddl", description=__doc__)
    parser.add_argument(
        "--results", type=Path, default=Path("runs/ddl-matrix.jsonl"), help="where it goes on"
    )
    parser.add_argument("--seconds", type=float, default=2700.0, help="start no cell after so long")
    parser.add_argument("--only", default="", help="kinds whose slug holds this, proved again")
    parser.add_argument("--versions", nargs="*", default=["18", "15"], choices=[*BINARIES])
    parser.add_argument(
        "--show", choices=[kind.slug for kind in kinds()], help="prove one kind, as a run with a report"
    )
    parser.add_argument(
        "--binaries",
        metavar="VERSION=FOLDER",
        help="where the programs of a version are, if not in Debian's place",
    )
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables are written")
    asked = parser.parse_args()
    if asked.binaries:
        version, _, folder = asked.binaries.partition("=")
        BINARIES[version] = Path(folder).resolve()
    if asked.show:
        return show(asked.show, asked.versions[0])
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    ends_s = time.monotonic() + asked.seconds
    for version in asked.versions:
        known = read(asked.results)
        todo = [
            kind
            for kind in kinds()
            if kind.since <= int(version)
            and (asked.only in kind.slug if asked.only else (kind.slug, version) not in known)
        ]
        if todo:
            play(version, todo, asked.results, ends_s)
    known = read(asked.results)
    asked.page.write_text(rendered(asked.page.read_text(encoding="utf-8"), known), encoding="utf-8")
    wrong = [
        each for each in known.values() if each["caught"] != (kind_of(str(each["kind"])).of_class != "c")
    ]
    runs = sum(int(str(each["safe_runs"])) for each in known.values())
    accusations = [why for each in known.values() for why in each["accused"]]  # type: ignore[attr-defined]
    print(
        f"{len(known)} cells, {len(wrong)} not as their class says; {len(accusations)} of {runs} safe runs accused"
    )
    return 1 if wrong or len(accusations) > runs / 100 else 0


def show(slug: str, version: str) -> int:
    """Prove the kind's example as a user would, on the tables of world.sql. Returns the exit code of the proof."""
    kind = kind_called(slug)
    assert kind is not None  # one of the choices
    with tempfile.TemporaryDirectory() as folder:
        file, seed = Path(folder) / f"{slug}.sql", Path(folder) / "seed"
        seed.mkdir()
        file.write_text(f"{kind.example};\n", encoding="utf-8")
        (seed / "world.sql").write_text(
            f"{WORLD.read_text(encoding='utf-8')}\n{kind.setup};\n", encoding="utf-8"
        )
        command = [sys.executable, "-m", "tailguard", "migrate", "prove", str(file), "--at-rows", SHOWN_ROWS]
        programs = BINARIES[version]
        chosen = {"TAILGUARD_DATABASE__BINARIES": str(programs)} if programs else {}
        return subprocess.run(command, env={**os.environ, **chosen}, check=False).returncode


def play(version: str, todo: list[Kind], results: Path, ends_s: float) -> None:
    options = DdlOptions(safe_trials=SAFE_RUNS[version])
    with seeded(BINARIES[version]) as world:
        for kind in todo:
            if time.monotonic() > ends_s:
                return
            started_s = time.monotonic()
            with world.fork() as own:
                found = proved(own, kind, options)
            why = failed(found)
            played = Played(
                kind=kind.slug,
                version=version,
                caught=bool(why),
                why=", ".join(why),
                longest_ms=longest_ms(found, safe=False),
                safe_longest_ms=longest_ms(found, safe=True),
                safe_runs=sum(len(step.safe.trials) for step in found.proof.steps if step.safe),
                accused=tuple(accused(found)),
                seconds=time.monotonic() - started_s,
            )
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(played.plain) + "\n")
            caught = "caught" if why else "calm"
            accusations = played.accused or "none"
            print(f"{version} {kind.of_class} {kind.slug:<32} {caught:<6} accused: {accusations}", flush=True)


def read(results: Path) -> dict[tuple[str, str], dict[str, object]]:
    """Return the newest result of each cell."""
    if not results.exists():
        return {}
    lines = results.read_text(encoding="utf-8").splitlines()
    return {(each["kind"], each["version"]): each for each in map(json.loads, lines)}


if __name__ == "__main__":
    raise SystemExit(main())
