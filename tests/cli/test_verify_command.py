"""`tailguard verify` finds whatever in a run's record does not follow from its files, and names it."""

import json

import numpy as np
import pytest
from msgspec.structs import replace

from tailguard.cli.main import run_cli
from tailguard.compare.verdicts import verdicts_of
from tailguard.config.merge import load_config
from tailguard.judge.objectives import assuming, load_objectives, only
from tailguard.record.files import sha256_of
from tailguard.record.run import Run
from tailguard.record.run_json import encode, record_sha256
from tailguard.record.run_record import Ended
from tailguard.record.samples import samples_from_rows
from tailguard.record.samples.parquet import write_samples
from tailguard.report.report import write_report
from tests.support.blank_record import a_record
from tests.support.runs_by_hand import made_run
from tests.support.suite import OBJECTIVES


def samples_of(took_ns):
    intended = np.arange(len(took_ns), dtype=np.int64) * 10_000_000
    started = intended + 50_000
    rows = np.column_stack([intended, started, started + took_ns, np.zeros(len(took_ns), np.int64)])
    return samples_from_rows("registration", ("register",), ("",), rows)


TOOK_NS = np.random.default_rng(3).lognormal(15, 0.4, 1000).astype(np.int64)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path):
    """A whole, judged run of one scenario in ./runs."""
    objectives = assuming(only(load_objectives(OBJECTIVES), ["registration"]), dependence="independent")
    run = made_run(tmp_path / "runs", registration=samples_of(TOOK_NS), objectives=objectives)
    run.put_verdicts(verdicts_of(run))
    run.put_exit_code(run.record.deserved_exit_code)
    run.save()
    return run


def edit(run, change):
    """Change run.json, and let its own hash be right again."""
    path = run.folder / "run.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    record = Run.load(run.folder).record
    path.write_bytes(encode(replace(record, sha256=record_sha256(record))))


def differences(capsys, *arguments):
    """Run `tailguard verify --json` and return its exit code and {where: (recorded, recomputed)}."""
    code = run_cli(["verify", "--json", *arguments])
    found = json.loads(capsys.readouterr().out)["differences"]
    return code, {d["where"]: (d["recorded"], d["recomputed"]) for d in found}


def test_an_untouched_run_is_the_same_bit_for_bit(run, capsys):
    assert run_cli(["verify"]) == 0
    assert "1 files, 1 scenarios and 3 verdicts, all the same bit for bit." in capsys.readouterr().out


def test_a_run_that_was_moved_still_verifies(run, tmp_path, capsys):
    moved = run.folder.rename(tmp_path / "elsewhere")
    assert differences(capsys, str(moved)) == (0, {})


def test_one_changed_byte_among_the_samples_is_found(run, capsys):
    content = bytearray(run.samples_path.read_bytes())
    content[len(content) // 2] ^= 1
    run.samples_path.write_bytes(content)
    code, found = differences(capsys)
    assert code == 65
    assert "files.samples.parquet" in found


def test_changed_samples_are_found_even_with_their_hash_mended(run, capsys):
    """One latency is shortened; the maximum no longer follows."""
    tampered = TOOK_NS.copy()
    tampered[tampered.argmax()] = 1_000_000
    write_samples(run.samples_path, {"registration": samples_of(tampered)})
    edit(run, lambda record: record["files"].update({"samples.parquet": sha256_of(run.samples_path)}))
    code, found = differences(capsys)
    assert code == 65
    assert "scenarios.registration.steps.register.response_ms.max" in found
    assert not any(where.startswith("files") for where in found)


def test_a_changed_quantile_is_found_in_its_last_bit(run, capsys):
    def nudge(record):
        p95 = record["scenarios"]["registration"]["steps"]["register"]["response_ms"]["p95"]
        p95["value"] = np.nextafter(p95["value"], 0)

    edit(run, nudge)
    code, found = differences(capsys)
    assert code == 65
    assert set(found) == {"scenarios.registration.steps.register.response_ms.p95.value"}


def test_a_changed_count_is_found(run, capsys):
    edit(run, lambda record: record["scenarios"]["registration"]["counts"].update(ok=999))
    assert differences(capsys) == (65, {"scenarios.registration.counts.ok": (999, 1000)})


def test_a_changed_verdict_is_found(run, capsys):
    edit(run, lambda record: record["verdicts"][0].update(state="FAIL"))
    found = {"verdicts.registration p95 <= 215ms.state": ("FAIL", "PASS"), "exit_code": (0, 99)}
    assert differences(capsys) == (65, found)


def test_a_loosened_limit_is_found(run, capsys):
    edit(run, lambda record: record["objectives"]["items"][0].update(limit_ms=500.0))
    found = {"verdicts.registration p95 <= 215ms.objective.limit_ms": (215.0, 500.0)}
    assert differences(capsys) == (65, found)


def test_a_verdict_left_out_is_found(run, capsys):
    edit(run, lambda record: record["verdicts"].pop())
    code, found = differences(capsys)
    assert (code, [recorded for recorded, _ in found.values()]) == (65, ["absent"])


def test_a_scenario_left_out_is_found(run, capsys):
    edit(run, lambda record: record["scenarios"].clear())
    code, found = differences(capsys)
    assert code == 65
    assert "scenarios.registration" in found


def test_a_changed_configuration_is_found(run, capsys):
    edit(run, lambda record: record["config"]["load"].update(workers=99))
    code, found = differences(capsys)
    assert (code, set(found)) == (65, {"config_sha256"})


def test_a_missing_file_is_found(run, capsys):
    run.samples_path.unlink()
    code, found = differences(capsys)
    assert code == 65
    assert found["files.samples.parquet"][1] == "absent"


def test_a_plan_that_was_slipped_in_is_found(run, capsys):
    (run.folder / "plans").mkdir()
    (run.folder / "plans" / "0002-after-1.json").write_text("{}", encoding="utf-8")
    code, found = differences(capsys)
    assert (code, found["files.plans/0002-after-1.json"][0]) == (65, "absent")


def test_each_difference_is_told_in_words(run, capsys):
    edit(run, lambda record: record["scenarios"]["registration"]["counts"].update(ok=999))
    assert run_cli(["verify", run.record.id]) == 65
    assert "  scenarios.registration.counts.ok: recorded 999, recomputed 1000" in capsys.readouterr().out


def test_a_run_that_was_stopped_before_its_first_sample_has_nothing_to_differ(capsys):
    Run.start(load_config(environ={}), environment=a_record().environment).finish(Ended.INTERRUPTED)
    assert differences(capsys) == (0, {})


def test_what_is_not_a_run_is_a_usage_error(capsys):
    assert run_cli(["verify", "nowhere"]) == 64
    assert "nowhere is not a run" in capsys.readouterr().err


def test_a_record_that_lost_a_part_is_invalid(run, capsys):
    path = run.folder / "run.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["config"]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert run_cli(["verify"]) == 65
    assert "missing required field `config`" in capsys.readouterr().err


def test_the_help_says_what_cannot_be_found(capsys):
    assert run_cli(["verify", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Forged samples cannot be found if everything else" in said
    assert "hashes and later runs included, was recomputed" in said


@pytest.mark.system
def test_a_report_is_tied_to_its_record(run, capsys):
    write_report(run)
    assert differences(capsys) == (0, {})
    page = run.folder / "report.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("PASS", "FAIL"), encoding="utf-8")
    code, found = differences(capsys)
    assert (code, set(found)) == (65, {"report.html.sha256"})
    page.write_text(text.rpartition("<!--")[0], encoding="utf-8")
    assert set(differences(capsys)[1]) == {"report.html.record", "report.html.sha256"}


def test_the_report_of_another_record_is_found(run, capsys):
    write_report(run)
    edit(run, lambda record: record.update(profile="full"))
    assert set(differences(capsys)[1]) == {"report.html.record", "run.md.record"}
