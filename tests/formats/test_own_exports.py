"""What we export is read back: the same counts as of the samples themselves."""

import json
from pathlib import Path

import pytest

from tailguard.cli.main import run_cli
from tailguard.record.run import SAMPLES, Run
from tailguard.report.export_formats import exported
from tests.support.made_fixtures import run, table  # noqa: F401  # fixtures of pytest

LIMIT = "p95<=12.3456ms"
STEP = "registration/register"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("hgrm", ""), ("pytest-benchmark", "tailguard::registration[register]")],
)
def test_an_export_is_judged_as_the_samples_of_the_run_are(run: Run, tmp_path: Path, capsys, kind, name):  # noqa: F811
    def judged(path: Path, *options: str) -> dict:
        run_cli(["judge", str(path), "--objective", LIMIT, "--dependence", "independent", "--json", *options])
        return json.loads(capsys.readouterr().out)

    files = exported(run, kind)
    file = next(each for each in files if kind != "hgrm" or each == "registration-register.hgrm")
    (tmp_path / file).write_text(files[file], encoding="utf-8")
    samples = judged(run.folder / SAMPLES, "--name", STEP)
    export = judged(tmp_path / file, *(["--name", name] if name else []))
    assert export["verdict"] == samples["verdict"]
    assert export["n"] == samples["n"]
    if kind == "pytest-benchmark":
        assert export["exceedances"] == samples["exceedances"]
