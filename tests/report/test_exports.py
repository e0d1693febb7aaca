"""Each export is read back by the tool it is made for, or held against that tool's published schema."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.record.run import Run
from tailguard.report.export_formats import FORMATS, exported
from tailguard.report.exports.ci.github import MARKER, MOST_ANNOTATIONS
from tailguard.report.exports.hgrm import text_of
from tailguard.report.exports.yaml_text import yaml_of
from tailguard.report.views.verdict_view import judged_of
from tests.support.made_run import with_verdict


def only(run: Run, name: str) -> str:
    files = exported(run, name)
    assert len(files) == 1
    return next(iter(files.values()))


def p95_ms(run: Run, slug: str, step: str) -> float:
    return float(run.record.scenarios[slug].steps[step].response_ms.p95.value)


@pytest.mark.system
def test_pytest_benchmark_compares_two_exports(run: Run, tmp_path: Path) -> None:
    """The real consumer: `pytest-benchmark compare` prints both."""
    for name in ("0001_old.json", "0002_new.json"):
        (tmp_path / name).write_text(only(run, "pytest-benchmark"), encoding="utf-8")
    program = Path(sys.executable).with_name("pytest-benchmark")
    command = [
        program,
        "compare",
        tmp_path / "0001_old.json",
        tmp_path / "0002_new.json",
        "--columns=median,rounds",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "registration[register]" in done.stdout


def test_pytest_benchmark_stats_are_in_seconds(run: Run) -> None:
    found = json.loads(only(run, "pytest-benchmark"))["benchmarks"][0]
    times_s = run.samples()["registration"].response_ms("register") / 1e3
    assert found["stats"]["median"] == pytest.approx(np.median(times_s))
    assert found["stats"]["rounds"] == len(times_s)
    assert found["stats"]["ops"] == pytest.approx(1 / times_s.mean())
    assert found["extra_info"]["verdicts"]["registration p95 <= 215ms"] in {
        "PASS",
        "FAIL",
        "INCONCLUSIVE",
        "INVALID",
    }


def test_prometheus_own_parser_reads_the_openmetrics(run: Run) -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    families = {family.name: family for family in text_string_to_metric_families(only(run, "openmetrics"))}
    histogram = families["tailguard_response_seconds"]
    buckets = {
        sample.labels["le"]: sample.value
        for sample in histogram.samples
        if sample.name.endswith("_bucket") and sample.labels["step"] == "register"
    }
    times_ms = run.samples()["registration"].response_ms("register")
    assert buckets["0.215"] == np.count_nonzero(times_ms <= 215), "an edge lies exactly on the limit"
    assert buckets["0.3"] == np.count_nonzero(times_ms <= 300)
    assert buckets["+Inf"] == len(times_ms)
    outcomes = {
        s.labels["outcome"]: s.value
        for s in families["tailguard_requests"].samples
        if s.labels["scenario"] == "registration"
    }
    assert sum(outcomes.values()) == run.record.scenarios["registration"].counts.total


def test_the_hgrm_says_what_hdrhistogram_itself_would(run: Run) -> None:
    """Oracle: HdrHistogram's own writer on the same values; its buckets are right to three digits."""
    hdrh = pytest.importorskip("hdrh.histogram", reason="hdrhistogram is not installed")
    times_ms = run.samples()["registration"].response_ms("register")
    theirs = hdrh.HdrHistogram(1, 10_000_000, 3)
    for value in times_ms:
        theirs.record_value(round(value * 1000))
    out = io.BytesIO()
    theirs.output_percentile_distribution(out, 1000.0)
    mine = _rows(exported(run, "hgrm")["registration-register.hgrm"])
    for value, percentile, _ in _rows(out.getvalue().decode()):
        at = min(mine, key=lambda row: abs(row[1] - percentile))
        if abs(at[1] - percentile) < 1e-6:
            assert at[0] == pytest.approx(value, rel=0.005, abs=0.002)
    assert mine[-1][1:] == (1.0, len(times_ms))


def _rows(text: str) -> list[tuple[float, float, int]]:
    rows = re.findall(r"^ *([\d.]+) +([\d.]+) +(\d+)(?: +[\d.]+)?$", text, re.MULTILINE)
    assert rows
    return [(float(value), float(percentile), int(count)) for value, percentile, count in rows]


def test_an_hgrm_of_one_value_is_one() -> None:
    assert _rows(text_of(np.array([5.0])))[-1] == (5.0, 1.0, 1)


def test_the_hgrm_ends_as_its_readers_expect(run: Run) -> None:
    text = exported(run, "hgrm")["certificate_upload-upload.hgrm"]
    assert text.splitlines()[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    assert re.search(r"^#\[Max     = +[\d.]+, TotalCount     = +\d+\]$", text, re.MULTILINE)


def test_junit_is_read_by_an_xml_parser_and_counts_what_is_in_it(run: Run) -> None:
    root = ET.fromstring(only(run, "junit"))
    cases = root.findall("./testsuite/testcase")
    assert len(cases) == int(root.get("tests", "")) == len(run.record.verdicts)
    first = {each.get("name"): each.get("value") for each in cases[0].findall("./properties/property")}
    assert first["slo.limit_ms"] == "215.0"
    assert first["slo.verdict"] == run.record.verdicts[0].state
    assert len(root.findall(".//failure")) == int(root.get("failures", ""))


def test_junit_survives_characters_that_xml_has_no_place_for(run: Run) -> None:
    run.record = with_verdict(run.record, 0, state=State.FAIL, why="\x00 <b> & \x1b[31m")
    assert ET.fromstring(only(run, "junit")).find(".//failure") is not None


def test_bencher_matches_the_metric_format(run: Run) -> None:
    """The rules of https://bencher.dev/bmf.json."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    number = {"type": "number"}
    metric = {
        "type": "object",
        "required": ["value"],
        "additionalProperties": False,
        "properties": {"value": number, "lower_value": number, "upper_value": number},
    }
    schema = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": metric}}
    found = json.loads(only(run, "bencher"))
    jsonschema.validate(found, schema)
    assert found["registration/register"]["latency-p95"]["value"] == pytest.approx(
        1e6 * p95_ms(run, "registration", "register")
    )
    assert found["registration"]["throughput"]["value"] > 0


def test_github_action_benchmark_gets_what_it_requires(run: Run) -> None:
    found = json.loads(only(run, "github-benchmark"))
    assert isinstance(found, list)
    for entry in found:
        assert isinstance(entry["name"], str)
        assert isinstance(entry["unit"], str)
        assert isinstance(entry["value"], int | float)
        assert all(isinstance(entry[name], str) for name in ("range", "extra") if name in entry)
    by_name = {entry["name"]: entry for entry in found}
    assert by_name["registration register p95"]["value"] == p95_ms(run, "registration", "register")
    assert "limit=215" in by_name["registration register p95"]["extra"]


def test_k6s_summary_has_k6s_shape(run: Run) -> None:
    found = json.loads(only(run, "k6"))
    trend = found["metrics"]["http_req_duration{scenario:registration,step:register}"]
    assert (trend["type"], trend["contains"]) == ("trend", "time")
    assert trend["values"]["p(95)"] == p95_ms(run, "registration", "register")
    assert set(trend["thresholds"]) == {"p(95)<=215", "p(99)<=300"}
    assert {"name", "path", "id", "groups", "checks"} <= set(found["root_group"])
    assert found["state"]["testRunDurationMs"] > 0


def test_the_csv_is_a_table_whose_numbers_are_the_runs(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(only(run, "csv"))))
    row = next(
        r for r in rows if (r["scenario"], r["step"], r["name"]) == ("registration", "register", "p95")
    )
    assert float(row["value"]) == p95_ms(run, "registration", "register")
    assert float(row["limit"]) == 215.0


def test_a_cell_that_a_spreadsheet_would_run_is_quoted(run: Run) -> None:
    evil = {"=cmd|calc": run.record.scenarios["registration"]}
    run.record = replace(run.record, scenarios=evil)
    assert "'=cmd|calc" in only(run, "csv")


def test_annotations_are_escaped_and_ten_at_most_the_worst_first(run: Run) -> None:
    bad = replace(run.record.verdicts[0], why="50% slower\nthan: before, yes")
    undecided, failed = (replace(bad, state=state) for state in (State.INCONCLUSIVE, State.FAIL))
    run.record = replace(run.record, verdicts=(undecided,) * 8 + (failed,) * 8)
    lines = only(run, "github-annotations").splitlines()
    assert len(lines) == MOST_ANNOTATIONS
    assert lines[0].startswith("::error title=FAIL%3A registration")
    assert lines[0].endswith("::50%25 slower%0Athan: before, yes")
    assert "7 more verdicts" in lines[-1]


def test_a_run_that_passes_has_nothing_to_annotate(run: Run) -> None:
    passed = tuple(replace(verdict, state=State.PASS) for verdict in run.record.verdicts)
    run.record = replace(run.record, verdicts=passed)
    assert only(run, "github-annotations") == ""


def test_the_comment_is_marked_as_ours_and_fits(run: Run) -> None:
    judged = judged_of(run.record)
    failed = tuple(replace(verdict, state=State.FAIL, why="x" * 10_000) for verdict in judged)
    run.record = replace(run.record, verdicts=failed)
    text = only(run, "github-comment")
    assert text.startswith(MARKER)
    assert len(text) < 65_536
    assert "cut: the whole is in the run's report" in text


def test_openslo_and_rules_are_yaml_and_speak_of_the_limits(run: Run) -> None:
    yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")
    documents = {each["metadata"]["name"]: each for each in yaml.safe_load_all(only(run, "openslo"))}
    slo = documents["registration-register-p95"]
    assert (slo["apiVersion"], slo["kind"]) == ("openslo/v1", "SLO")
    assert slo["spec"]["objectives"][0]["target"] == 0.95
    assert (
        'le="0.215"'
        in slo["spec"]["indicator"]["spec"]["ratioMetric"]["good"]["metricSource"]["spec"]["query"]
    )
    rules = yaml.safe_load(only(run, "prometheus"))
    assert {rule.get("record") or rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    sloth = yaml.safe_load(only(run, "sloth"))
    assert sloth["version"] == "prometheus/v1"
    assert sloth["slos"][0]["objective"] == 95.0


def test_the_rules_pass_promtool_where_it_is_installed(run: Run, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    (tmp_path / "rules.yaml").write_text(only(run, "prometheus"), encoding="utf-8")
    done = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yaml"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text", ["yes", "1.0", "a: b", "# x", "", "null", "-", "'\"\\", "東京 🏆", "a\nb", "@x", "%"]
)
def test_every_text_comes_back_from_yaml(text: str) -> None:
    yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")
    document = {"a": text, "b": [text, {"c": text, "d": [1, 2.5, True, None, [], {}]}]}
    assert yaml.safe_load(yaml_of(document)) == document


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_a_run_that_measured_nothing(run: Run, name: str) -> None:
    run.record = replace(run.record, scenarios={}, verdicts=())
    assert all(isinstance(text, str) for text in exported(run, name).values())


@pytest.mark.system
def test_the_command_writes_the_files_and_prints_their_paths(run: Run, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tailguard",
        "export",
        str(run.folder),
        "--format",
        "k6",
        "--format",
        "csv",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {Path(line).name for line in done.stdout.split()} == {"k6-summary.json", "metrics.csv"}
    assert all(Path(line).stat().st_size for line in done.stdout.split())
