"""Small files made after public reports, or by the tools themselves: each is read rightly or refused with a way on.

Nearly all have 40 samples or fewer, so the median is judged of independent samples.
"""

from pathlib import Path

import pytest

FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize(
    ("name", "options", "code", "said"),
    [
        ("decimal-comma.csv", "", 99, "'581,5' is read with a decimal comma"),
        ("trailing-comma.csv", "", 64, "row 1 has 3 fields, the header 2: 341,17,"),
        ("three-numbers-a-row.csv", "", 64, "by its number, --column 1 to 3. Its first row is: 561,17,200"),
        (
            "three-numbers-a-row.csv",
            "--column 1",
            64,
            "does not say the unit of its latencies (the first is '561')",
        ),
        ("three-numbers-a-row.csv", "--column 1 --unit ms", 99, "exceed"),
        ("three-numbers-a-row.csv", "--column 4 --unit ms", 64, "there is no column 4"),
        ("timestamp-first.csv", "", 0, "column 'rt_ms' is taken as the latency"),
        ("timestamp-first.csv", "--column timestamp --unit ms", 64, "a time stamp, or another unit than ms?"),
        (
            "locust_stats_history.csv",
            "",
            64,
            "this is Locust's history of statistics: a summary has no samples",
        ),
        ("k6-fast-failures.csv", "", 99, "20 of 40 requests failed and are not among them"),
        ("k6-status-zero.json", "", 65, "every request failed (40)"),
        ("hey.csv", "", 99, "413 ms"),
        ("hey-made.csv", "", 65, "20 % of the requests failed and no objective says how many may"),
        ("jtl-transactions.jtl", "", 64, "10 rows of transactions are left out"),
        ("jtl-transactions.jtl", "", 64, "write 'HP-0 p50 <= 215ms', or --name NAME"),
        ("jtl-transactions.jtl", "--name HP-0", 0, "0 of 10 (0 %) exceed"),
        ("jtl-transactions.jtl", "--name *", 0, "0 of 30 (0 %) exceed"),
        ("jtl-transactions.jtl", "--name HP-9", 64, "it has no requests named 'HP-9'. Did you mean 'HP-"),
        ("jtl-shifted.jtl", "", 64, "row 1 has 10 fields, the header 9"),
        ("jtl-shifted.jtl", "--skip-bad-rows", 0, "bad rows left out: 4"),
        ("jtl-day-first.jtl", "", 64, "set jmeter.save.saveservice.timestamp_format=ms"),
        ("jtl-no-header.jtl", "", 0, "0 of 41"),
        ("jtl-semicolon.jtl", "--column Latency", 0, "0 of 40"),
        ("jtl-semicolon.jtl", "--column Connect", 64, "column 'Connect' is unknown"),
        (
            "jtl-semicolon.jtl",
            "--column IdleTime",
            64,
            "leave --column 'IdleTime' out; it may be elapsed or Latency",
        ),
        ("hey.csv", "--column offset", 64, "its latency is known; leave --column 'offset' out"),
        ("wrk2.txt", "--column Value", 64, "its latency is known; leave --column 'Value' out"),
        ("jtl-semicolon.jtl", "", 0, "0 of 40"),
        ("k6-rfc3339.csv", "", 0, "0 of 40"),
        ("results.json.gz", "", 0, "0 of 40"),
        ("vegeta.csv", "", 99, "41 of 41"),
        ("vegeta-no-fraction.json", "", 99, "of 41"),
        ("ab-percentiles.csv", "", 64, "ab's table of percentiles (-e): a summary has no samples"),
        ("ab-gnuplot.tsv", "", 0, "sorted by latency"),
        ("ab.txt", "", 64, "this is ab's text"),
        ("own-metrics.csv", "", 64, "judge samples.parquet of the run"),
        ("out.hgrm", "", 64, "add --unit"),
        ("out.hgrm", "--unit ms", 0, "a histogram: its values are known to"),
        ("wrk2.txt", "", 0, "a histogram: its values are known to 0.782 %"),
        ("wrk.txt", "", 64, "this is wrk's text"),
        ("hey.txt", "", 64, "use `hey -o csv`"),
        ("gatling-simulation.log", "", 64, "           1           1  send"),
        ("gatling-simulation.log", "--name request_1", 0, "of 30"),
        ("gatling-simulation.log", "--name send", 65, "every request failed (1)"),
        ("pytest-benchmark.json", "", 0, "0 of 40"),
        ("out.json", "", 64, "this is autocannon's result"),
        ("autocannon.json", "", 64, "this is autocannon's result"),
        ("autocannon.txt", "", 64, "this is autocannon's text"),
        ("bom.json", "", 64, "add --unit"),
        ("bom.json", "--unit ms", 0, "0 of 40"),
        ("empty-cells.csv", "", 64, "row 6: '' is not a latency"),
        ("empty-cells.csv", "--skip-bad-rows", 0, "bad rows left out: 1"),
        ("thousands.csv", "", 64, "row 6: '1,234.5' is not a latency"),
        ("words-for-none.csv", "", 64, "row 6: 'N/A' is not a latency"),
        ("words-for-none.csv", "--skip-bad-rows", 0, "bad rows left out: 1"),
        ("results.jtl", "", 64, "row 12: '-3' is not a latency"),
        ("results.jtl", "", 64, "leave such rows out with --skip-bad-rows"),
        ("results.jtl", "--skip-bad-rows", 0, "0 of 29 (0 %) exceed"),
    ],
)
def test_a_file_is_read_rightly_or_refused_with_a_way_on(judge, name, options, code, said):
    found = judge(FILES / name, "--dependence", "independent", *options.split())
    assert (found.code, said in found.text) == (code, True), found


@pytest.mark.parametrize("name", ["out.hgrm", "wrk2.txt", "ab-gnuplot.tsv", "pytest-benchmark.json"])
def test_without_its_order_a_file_is_undecided_until_its_samples_are_said_to_be_independent(judge, name):
    found = judge(FILES / name, *(["--unit", "ms"] if name == "out.hgrm" else []))
    assert (found.code, "say --dependence independent if there are none" in found.out) == (75, True), found


def test_an_error_rate_is_judged_beside_the_latency(judge):
    path = FILES / "k6-fast-failures.csv"
    found = judge(path, "--dependence", "independent", objective="error rate < 1%")
    assert found.code == 99
    assert "FAIL  error rate < 1%: 50 % [" in found.out
    allowed = judge(
        path, "--dependence", "independent", "--objective", "error rate < 90%", objective="p50<=900ms"
    )
    assert allowed.code == 0, "failures that an objective allows do not make the latencies invalid"


@pytest.mark.parametrize("name", ["bom.json", "ab-gnuplot.tsv", "out.hgrm"])
def test_a_file_that_does_not_tell_failures_has_no_error_rate(judge, name):
    unit = [] if name == "ab-gnuplot.tsv" else ["--unit", "ms"]
    found = judge(FILES / name, *unit, objective="error rate < 1%")
    assert (found.code, "does not say which requests failed" in found.err) == (64, True)


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_a_unit_that_contradicts_the_file_is_refused(judge, unit):
    found = judge(FILES / "jtl-no-header.jtl", "--unit", unit)
    assert (found.code, f"its latencies are in ms, not in {unit}" in found.err) == (64, True)
