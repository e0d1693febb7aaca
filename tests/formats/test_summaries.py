"""Files without samples are named for what they are, each with its tool's way to get samples."""

import json

import pytest

from tailguard.base.errors import UsageError
from tailguard.formats.read_latencies import read_latencies

LOCUST_STATS = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,95%\nGET,/,9,0,5,5,1,9,10,1.0,0.0,5,9\n"
)


@pytest.mark.parametrize(
    ("content", "what", "way"),
    [
        (LOCUST_STATS, "Locust's statistics", "CsvRequestLogger"),
        (
            "Method,Name,Error,Occurrences,First Seen,Last Seen\nGET,/,x,1,1,2\n",
            "list of failures",
            "CsvRequestLogger",
        ),
        ("Count,Message,Traceback,Nodes\n1,a,b,c\n", "list of exceptions", "CsvRequestLogger"),
        (
            "sampler_label,aggregate_report_count,average\nGET /,9,5\n",
            "JMeter's aggregate report",
            "jmeter -l",
        ),
        ("Label,# Samples,Average\nGET /,9,5\n", "JMeter's aggregate report", "jmeter -l"),
        ({"latencies": {"mean": 1}, "requests": 9, "success": 1}, "vegeta's report", "vegeta encode"),
        (
            {"metrics": {"http_req_duration": {"avg": 1}}, "root_group": {}},
            "a summary of k6",
            "k6 run --out json",
        ),
        (
            {"version": "1.0.0", "metadata": {}, "results": {"metrics": []}},
            "a summary of k6",
            "k6 run --out json",
        ),
        (
            {"summary": {"average": 1}, "latencyPercentiles": {"p50": 1}},
            "oha's JSON",
            "oha --output-format csv",
        ),
        (
            [{"name": "/", "num_requests": 9, "response_times": {"5": 9}}],
            "Locust's statistics",
            "CsvRequestLogger",
        ),
        (
            {"name": "x", "numberOfRequests": {}, "meanResponseTime": {}},
            "Gatling's statistics",
            "simulation.log",
        ),
        ({"aggregate": {"counters": {}}, "intermediate": []}, "Artillery's report", "keeps no samples"),
        ({"schema": 2, "scenarios": {}, "verdicts": []}, "the record of a run", "samples.parquet"),
        ({"results": [{"command": "a", "mean": 1.0}]}, "hyperfine", "--export-json"),
        ("Requests      [total, rate, throughput]  9, 1, 1\n", "vegeta's report", "vegeta encode"),
        ("Summary:\n  Success rate: 100.00%\n  Requests/sec: 9\n", "oha's text", "oha --output-format csv"),
        (
            "     http_req_duration..............: avg=1ms min=1ms med=1ms max=1ms p(90)=1ms p(95)=1ms\n",
            "k6's text",
            "k6 run --out json",
        ),
        (
            b"\x1a\xff\x81\x03\x01\x01\x06Result\x01\xff\x82\x00\x01\x0c\x01\x06Attack\x01\x0c\0",
            "vegeta's binary",
            "vegeta encode",
        ),
        (b"\x00\x00\x00\x00\x063.11.5\x00\x00\x00\x0a", "Gatling's binary log", "simulation.log"),
        (b"SQLite format 3\0\x10\x00", "a database of SQLite", "--output-format csv"),
        ("<testResults></testResults>", "this is XML", "output_format=csv"),
    ],
)
def test_a_summary_is_named_with_its_tools_way_to_get_samples(tmp_path, content, what, way):
    path = tmp_path / "results"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(UsageError) as error:
        read_latencies(path)
    assert what in str(error.value)
    assert way in str(error.value)
