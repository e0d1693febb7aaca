"""`tailguard judge`: files of any tool in, a verdict and its exit code out; bad input names its row."""

import json

import numpy as np
import pandas as pd
import pytest

from tailguard.cli.main import run_cli
from tailguard.formats.content import Options
from tailguard.formats.read_latencies import read_latencies
from tailguard.judge.decision import judge_counts, judge_stream
from tests.support.latency_formats import BARE, FORMATS, write_csv

RNG = np.random.default_rng(20)
FAST = RNG.lognormal(2, 0.4, 3000).round(3)
SLOW = FAST * 20


def judge(capsys, path, *options, objective="p95<=50ms"):
    """Run the command; its exit code, and what it printed."""
    code = run_cli(["judge", str(path), "--objective", objective, *map(str, options)])
    return code, capsys.readouterr()


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_latencies_are_read_from_every_format(tmp_path, name):
    """In ms, in order, none lost."""
    FORMATS[name](tmp_path / name, FAST[:500])
    options = Options(unit="ms" if name in BARE else None)
    assert read_latencies(tmp_path / name, options).values_ms == pytest.approx(FAST[:500], abs=2e-6)


@pytest.mark.parametrize(
    ("values", "code", "verdict"), [(FAST, 0, "PASS"), (SLOW, 99, "FAIL"), (FAST[:50], 75, "INCONCLUSIVE")]
)
def test_the_exit_code_is_the_verdicts(tmp_path, capsys, values, code, verdict):
    """0, 99 and 75, and the word first on the line."""
    found, printed = judge(capsys, write_csv(tmp_path / "a.csv", values))
    assert found == code
    assert printed.out.startswith(f"{verdict}  p95 <= 50ms: ")


def test_json_has_the_promised_shape_and_says_what_python_says(tmp_path, capsys):
    """Verdict, n, exceedances, quantile with interval, tau and why, as `judge_stream` gives them."""
    path = write_csv(tmp_path / "a.csv", FAST)
    code, printed = judge(capsys, path, "--json")
    found = json.loads(printed.out)
    expected = judge_stream(FAST > 50, 0.95)
    assert (code, found["verdict"], found["n"]) == (0, expected.state, expected.n)
    assert (found["exceedances"], found["tau"], found["why"]) == (
        expected.exceedances,
        expected.tau,
        f"{expected.why}; {expected.n:,} of 3,000 samples were needed",
    )
    assert found["quantile"]["value"] == np.percentile(FAST, 95, method="inverted_cdf")
    assert found["quantile"]["low"] < found["quantile"]["value"] < found["quantile"]["high"]


def test_independent_samples_of_a_finished_file_are_judged_by_the_exact_binomial(tmp_path, capsys):
    """It needs fewer than any sequential rule: 100 of them decide here."""
    path = write_csv(tmp_path / "a.csv", FAST[:100])
    code, printed = judge(capsys, path, "--json", "--dependence", "independent")
    found = json.loads(printed.out)
    expected = judge_counts(100, int((FAST[:100] > 50).sum()), 0.95)
    assert (code, found["verdict"], found["rule"]) == (0, expected.state, "exact binomial")
    assert judge(capsys, path, "--dependence", "bursty")[0] == 75


def test_a_declared_independence_that_the_file_contradicts_is_doubted(tmp_path, capsys):
    """The exceedances come in one run of 60."""
    values = np.where((np.arange(2000) > 500) & (np.arange(2000) < 560), 99.0, 1.0)
    _, printed = judge(capsys, write_csv(tmp_path / "a.csv", values), "--dependence", "independent")
    assert "are they independent?" in printed.out


@pytest.mark.parametrize(("objective", "code"), [("p95<=20ms", 0), ("p95<20ms", 99)])
def test_a_strict_limit_counts_what_lies_on_it(tmp_path, capsys, objective, code):
    """3,000 samples of exactly 20 ms."""
    assert judge(capsys, write_csv(tmp_path / "a.csv", np.full(3000, 20.0)), objective=objective)[0] == code


def test_two_objectives_are_two_verdicts_and_the_worst_counts(tmp_path, capsys):
    """As JSON, an array."""
    path = write_csv(tmp_path / "a.csv", FAST)
    code = run_cli(["judge", str(path), "--objective", "p50<=50ms", "--objective", "p95<=9ms", "--json"])
    assert code == 99
    assert [each["verdict"] for each in json.loads(capsys.readouterr().out)] == ["PASS", "FAIL"]


def test_rows_out_of_time_order_are_sorted_and_it_is_said(tmp_path, capsys):
    """Bursts are only bursts in time order."""
    order = np.random.default_rng(2).permutation(3000)
    table = pd.DataFrame({"timeStamp": np.arange(3000), "elapsed": FAST, "success": "true"}).iloc[order]
    table.to_csv(tmp_path / "a.jtl", index=False)
    _, printed = judge(capsys, tmp_path / "a.jtl")
    assert "not in time order" in printed.err
    assert read_latencies(tmp_path / "a.jtl").of().ok_ms == pytest.approx(FAST)


def test_failed_samples_are_left_out_and_it_is_said(tmp_path, capsys):
    """A quick failure is not a quick answer."""
    table = pd.DataFrame({"timeStamp": np.arange(3000), "elapsed": SLOW, "success": "true"})
    table.loc[:1499, ["elapsed", "success"]] = [0.1, "false"]
    table.to_csv(tmp_path / "a.jtl", index=False)
    code, printed = judge(capsys, tmp_path / "a.jtl")
    assert code == 99
    assert "1,500 of 3,000 requests failed and are not among them" in printed.out


def test_our_own_samples_are_judged_by_scenario_and_step(tmp_path, capsys):
    """From the intended start, ok samples only; the step is named where there are several."""
    n = 6000
    frame = pd.DataFrame(
        {
            "scenario": "registration",
            "step": np.tile(["register", "read"], n // 2),
            "intended_ns": np.arange(n) * 1000,
            "started_ns": np.arange(n) * 1000,
            "ended_ns": np.arange(n) * 1000 + np.tile([5_000_000, 500_000_000], n // 2),
            "outcome": np.where(np.arange(n) % 10 == 0, "conflict", "ok"),
        }
    )
    frame.to_parquet(tmp_path / "samples.parquet")
    [named] = [judge(capsys, tmp_path / "samples.parquet", objective="registration/read p95<=50ms")]
    assert (named[0], "registration/read p95 <= 50ms" in named[1].out) == (99, True)
    assert judge(capsys, tmp_path / "samples.parquet", "--column", "registration/register")[0] == 0
    assert judge(capsys, tmp_path / "samples.parquet", "--column", "registration/read")[0] == 99
    code, printed = judge(capsys, tmp_path / "samples.parquet")
    assert code == 64
    assert "3,000           0  registration/read" in printed.err


@pytest.mark.parametrize(
    ("options", "column", "expected"),
    [
        (["--unit", "s"], "latency", 20_000),
        (["--unit", "us"], "latency", 0.02),
        (["--unit", "ms"], "took", 20),
        ([], "took_s", 20_000),
        ([], "took_ns", 2e-5),
    ],
)
def test_the_unit_is_that_of_the_option_or_the_columns_name(tmp_path, capsys, options, column, expected):
    path = tmp_path / "a.csv"
    pd.DataFrame({column: [20] * 200}).to_csv(path, index=False)
    _, printed = judge(capsys, path, "--json", *options)
    found = json.loads(printed.out)
    assert found["quantile"]["value"] == expected


def test_constant_zeros_and_ones_work(tmp_path, capsys):
    """Nothing varies, and a verdict stands."""
    assert judge(capsys, write_csv(tmp_path / "a.csv", np.zeros(3000)))[0] == 0
    assert judge(capsys, write_csv(tmp_path / "b.csv", np.ones(3000)), objective="p95<1ms")[0] == 99


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("a.csv", "latency_ms\n1\n2\nnan\n", "row 3: 'nan'"),
        ("a.csv", "latency_ms\n1\n-2\n", "row 2: '-2'"),
        ("a.csv", "latency_ms\ninf\n", "row 1: 'inf'"),
        ("a.csv", "latency_ms\n1\n\n\nfast\n", "row 2: 'fast'"),
        ("a.csv", "latency_ms\n1\n1,5\n", "row 2 has 2 fields, the header 1"),
        ("a.csv", "", "empty"),
        ("a.csv", "latency_ms\n", "no samples"),
        ("a.csv", "name,who\nx,y\n", "--column: name, who"),
        ("a.txt", "1 2 three", "row 3: 'three'"),
        ("a.txt", "", "empty"),
        ("a.json", "", "empty"),
        ("a.json", "[1, NaN]", "row 2: nan"),
        ("a.json", "[1, {}]", "row 2"),
        ("a.json", "{not json", "a.json: not JSON"),
        ("a.json", '{\n "metrics": {}\n}', "summary"),
        ("a.json", '{"latencies": {"mean": 1}, "requests": 9}', "summary"),
        ("a.jtl", "<testResults>", "XML"),
        ("a.jtl", "timeStamp,elapsed,success\nnoon,1,true\n", "noon"),
        ("a.npy", "no array", "not an array"),
        ("a.parquet", "no parquet", "not a parquet"),
    ],
)
def test_bad_input_exits_64_with_the_row_or_text(tmp_path, capsys, name, text, named):
    """The file is named too."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    code, printed = judge(capsys, tmp_path / name)
    assert code == 64
    assert named in printed.err
    assert name in printed.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--column", "latenci"], "Did you mean 'latency_ms'?"),
        (["--unit", "hours"], "hours"),
        (["--dependence", "maybe"], "maybe"),
        (["--objective", "p95 < 215"], "'p95 < 215'"),
    ],
)
def test_unknown_columns_units_and_objectives_exit_64(tmp_path, capsys, options, named):
    """With the nearest right word or the text."""
    code, printed = judge(capsys, write_csv(tmp_path / "a.csv", FAST), *options)
    assert (code, named in printed.err) == (64, True)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("empty.csv", b"", "is empty: it has no latency to judge"),
        ("noise.csv", bytes(range(128, 256)), "neither a known format nor text"),
        ("noise.npy", bytes(range(128, 256)), "not an array file; numpy.save"),
        ("noise.parquet", bytes(range(128, 256)), "not a parquet file"),
        ("half.json", b'{"latency":', "not JSON"),
        ("words.csv", b"a,b\nx,y\n", "Name one with --column: a, b. Its first row is: x,y"),
        ("nan.csv", b"Zeit_ms\n3\nNaN\n", "row 2: 'NaN' is not a latency"),
        ("größe 東京.csv", b"took_ms\n-3\n", "größe 東京.csv: row 1: '-3' is not a latency"),
    ],
)
def test_a_file_that_cannot_be_judged_is_named_with_what_is_wrong(tmp_path, capsys, name, content, named):
    """Never with a traceback, nor with advice to unpickle it."""
    (tmp_path / name).write_bytes(content)
    code, printed = judge(capsys, tmp_path / name)
    assert (code, named in printed.err, "pickle" in printed.err) == (64, True, False), printed.err


@pytest.mark.parametrize(("dependence", "fewest"), [("independent", 90), ("bursty", 2264)])
def test_too_few_samples_are_told_how_many_a_pass_takes(tmp_path, capsys, dependence, fewest):
    """And that many, none of them over the limit, do pass."""
    few, enough = (np.full(n, 5.0) for n in (fewest - 1, fewest))
    code, printed = judge(capsys, write_csv(tmp_path / "few.csv", few), "--dependence", dependence)
    assert code == 75
    assert f"a PASS needs at least {fewest:,} samples" in printed.out
    assert judge(capsys, write_csv(tmp_path / "enough.csv", enough), "--dependence", dependence)[0] == 0


def test_a_missing_file_and_several_arrays_exit_64(tmp_path, capsys):
    """Named, with the choice there is."""
    assert judge(capsys, tmp_path / "none.csv")[0] == 64
    np.savez(tmp_path / "two.npz", a_ms=FAST, b_ms=SLOW)
    code, printed = judge(capsys, tmp_path / "two.npz")
    assert (code, "a_ms, b_ms" in printed.err) == (64, True)
    assert judge(capsys, tmp_path / "two.npz", "--column", "b_ms")[0] == 99
    np.save(tmp_path / "square.npy", np.ones((2, 2)))
    assert judge(capsys, tmp_path / "square.npy")[0] == 64
