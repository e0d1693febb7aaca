"""`tailguard report` through the installed command's own entry."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.cli.main import run_cli
from tailguard.record.run import Run

pytestmark = pytest.mark.system

USAGE = 64


def test_both_files_are_written_again_into_the_runs_folder(run: Run, capsys) -> None:
    assert run_cli(["report", str(run.folder)]) == 0
    assert capsys.readouterr().out.strip() == str(run.folder / "report.html")
    assert (run.folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (run.folder / "run.md").read_text(encoding="utf-8").startswith("## ✅ PASS")
    assert not list(run.folder.glob("*.part"))


def test_a_run_is_found_by_its_run_json_and_as_the_latest(run: Run, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(run.folder.name)
    out = str(tmp_path / "a.md")
    assert run_cli(["report", str(run.folder / "run.json"), "--out", out]) == 0
    assert run_cli(["report", "latest", "--runs-dir", str(tmp_path), "--out", out]) == 0


def test_the_summary_is_printed_again_one_line_a_verdict_and_nothing_is_written(run: Run) -> None:
    before = sorted(run.folder.iterdir())
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [TAILGUARD, "report", str(run.folder), "--text"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    verdicts = [line for line in done.stdout.splitlines() if line.startswith("PASS ")]
    assert len(verdicts) == 14
    assert done.stdout.splitlines()[-1].startswith("PASS: All 14 objectives are met")
    assert sorted(run.folder.iterdir()) == before


TAILGUARD = Path(sys.executable).with_name("tailguard")


@pytest.mark.parametrize(("ends", "code"), [(0, 0), (3, USAGE)])
def test_a_report_is_opened_in_the_browser(run: Run, tmp_path: Path, ends: int, code: int) -> None:
    """The browser is a script of the test's, which writes down what it was given."""
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\nexit {ends}\n')
    browser.chmod(0o755)
    done = subprocess.run(
        [TAILGUARD, "report", str(run.folder), "--open"],
        env={**os.environ, "BROWSER": f"{browser} %s", "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    page = (run.folder / "report.html").resolve().as_uri()
    assert (done.returncode, opened.read_text().strip()) == (code, page), done.stderr
    assert (page in done.stderr) is bool(ends)


def test_the_shell_completes_commands_and_options(tmp_path: Path) -> None:
    """Click's own completion, as the README sets it up."""
    for words, completed in {
        "tailguard repo": "plain,report",
        "tailguard report --op": "plain,--open",
    }.items():
        asked = {
            "_TAILGUARD_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        done = subprocess.run(
            [TAILGUARD],
            cwd=tmp_path,
            env={**os.environ, **asked},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == completed


def test_out_and_format_choose_what_is_written(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "summary.txt"
    assert run_cli(["report", str(run.folder), "--out", str(target), "--format", "md"]) == 0
    assert target.read_text(encoding="utf-8").startswith("## ")
    assert not (run.folder / "run.md").exists()


def test_a_run_without_samples_is_still_reported(run: Run) -> None:
    (run.folder / "samples.parquet").unlink()
    assert run_cli(["report", str(run.folder), "--format", "html"]) == 0
    assert "samples.parquet is missing" in (run.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "said", "code"),
    [
        (shutil.rmtree, "is not a run", USAGE),
        (lambda folder: (folder / "run.json").write_text("{", encoding="utf-8"), "is broken", 65),
        (
            lambda folder: (folder / "run.json").write_text('{"schema": 1}', encoding="utf-8"),
            "run.json",
            USAGE,
        ),
        (lambda folder: change(folder, verdicts=[{"why": "no state"}]), "run.json", 65),
        (lambda folder: change(folder, scenarios=[1]), "run.json", 65),
    ],
    ids=["missing", "not JSON", "not a run", "a verdict without a state", "a list for a table"],
)
def test_a_missing_or_broken_run_is_told_without_a_traceback(run: Run, capsys, spoil, said, code) -> None:
    spoil(run.folder)
    assert run_cli(["report", str(run.folder)]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_folder_that_takes_no_report_is_told_with_the_way_round_it(run: Run, capsys) -> None:
    (run.folder / "report.html").mkdir()
    assert run_cli(["report", str(run.folder)]) == USAGE
    error = capsys.readouterr().err
    assert "report.html: Is a directory" in error
    assert f"`tailguard report {run.folder} --out FILE` writes it elsewhere" in error
    assert not list(run.folder.glob("*.part"))


def test_where_memory_is_short_the_report_ends_with_a_sentence(run: Run) -> None:
    # Room for the page itself, which reserves 1.6 GB, but not for the library of the charts, which asks for over 3.
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({2_500_000_000},) * 2); "
    code = f"{limit}import sys; from tailguard.cli.main import run_cli; sys.exit(run_cli(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "report", str(run.folder), "--format", "html"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == USAGE
    assert "Charts cannot be drawn: their library was ended by signal" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def change(folder: Path, **fields) -> None:
    path = folder / "run.json"
    made = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(made | fields), encoding="utf-8")


def test_a_folder_that_does_not_exist_is_named(run: Run, tmp_path: Path, capsys) -> None:
    out = tmp_path / "nowhere" / "a.html"
    assert run_cli(["report", str(run.folder), "--out", str(out)]) == USAGE
    assert str(out.parent) in capsys.readouterr().err


def test_the_installed_command_works_without_a_locale(run: Run) -> None:
    environment = {**os.environ, "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "tailguard", "report", str(run.folder), "--format", "md"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "✅" in (run.folder / "run.md").read_text(encoding="utf-8")


def forge_names(run: Run, prefix: str) -> None:
    """Let a scenario's name begin with a way out of the folder."""
    slug, samples = next(iter(run.samples().items()))
    run.add_scenario(f"{prefix}{slug}", run.record.scenarios[slug], samples)
    run.save()


def test_no_scenario_name_takes_an_export_out_of_its_folder(run: Run, tmp_path: Path) -> None:
    forge_names(run, "../../")
    (out := tmp_path / "deep" / "out").mkdir(parents=True)
    assert run_cli(["export", str(run.folder), "--format", "hgrm", "--out", str(out)]) == 0
    assert {path.parent for path in tmp_path.rglob("*.hgrm")} == {out}


def test_exports_that_point_elsewhere_are_refused(run: Run, tmp_path: Path, capsys) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (run.folder / "exports").symlink_to(elsewhere)
    assert run_cli(["export", str(run.folder), "--format", "hgrm"]) == USAGE
    assert "exports: it is a link or a file. Choose another folder with --out" in capsys.readouterr().err
    assert not list(elsewhere.iterdir())
