"""The runs that these tests read have the shape of a real one: what that fills, they fill."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from tailguard.record.run import Run
from tests.support.made_kinds import KINDS, kind_of_run
from tests.support.made_run import write_run
from tests.support.made_samples import samples


def filled(value: object, place: str = "") -> Iterator[str]:
    """Yield the places of a record that are not empty; the items of a mapping or a tuple have one place."""
    if value is None or value in ("", (), {}):
        return
    yield place
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from filled(getattr(value, field), f"{place}/{type(value).__name__}.{field}")
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from filled(each, f"{place}[]")
    elif isinstance(value, tuple):
        for each in value:
            yield from filled(each, f"{place}[]")


@pytest.mark.proof
def test_every_field_that_a_smoke_run_fills_is_filled_in_a_made_one(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tailguard",
        "run",
        "--profile",
        "smoke",
        "--set",
        f"runs_dir={tmp_path}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Report: " in done.stdout, done.stderr
    real = set(filled(Run.load("latest", tmp_path).record))
    table = samples(1_000)  # enough to bound a p99 from above
    folders = (write_run(tmp_path / "made" / kind, kind_of_run(kind, table), table) for kind in KINDS)
    made = {place for folder in folders for place in filled(Run.load(folder).record)}
    assert sorted(real - made) == []
