"""Summaries of other tools: named for what they are, each with that tool's way to get samples."""

from tailguard.formats.documents.lines import Document
from tailguard.formats.format import Summary
from tailguard.formats.table import Table

_LOCUST = (
    "log requests with locust.contrib.csv_request_logger.CsvRequestLogger, or run them with `tailguard run`"
)
_K6 = "use `k6 run --out json=results.json` or `--out csv=results.csv`"
_HEY, _OHA = "use `hey -o csv`", "use `oha --output-format csv`"
_AB = "use `ab -g results.tsv`"
_WRK = "wrk keeps no samples; use wrk2 --latency, hey -o csv or oha --output-format csv"
_AUTOCANNON = "autocannon keeps no samples; use hey -o csv, oha --output-format csv or k6 --out json=..."
_VEGETA = "use `vegeta encode --to csv results.bin`"
_GATLING = (
    "use simulation.log of Gatling up to 3.9; newer ones write it in a binary form, which nothing else reads"
)
_OURS = "judge samples.parquet of the run, or `tailguard export RUN --format hgrm`"
_BENCH = "judge the samples that it was made of"


def _is_bencher(document: Document) -> bool:
    """A benchmark, its measures, and of each a value."""
    measures = next(iter(document.first.values()), None)
    value = next(iter(measures.values()), None) if isinstance(measures, dict) and measures else None
    return document.whole and isinstance(value, dict) and "value" in value


TABLES = (
    Summary[Table](
        "Locust's history of statistics",
        _LOCUST,
        lambda table: table.has("User Count", "Total Request Count"),
    ),
    Summary[Table](
        "Locust's statistics", _LOCUST, lambda table: table.has("Request Count", "Median Response Time")
    ),
    Summary[Table]("Locust's list of failures", _LOCUST, lambda table: table.has("Error", "Occurrences")),
    Summary[Table](
        "Locust's list of exceptions", _LOCUST, lambda table: table.has("Message", "Traceback", "Count")
    ),
    Summary[Table](
        "ab's table of percentiles (-e)", _AB, lambda table: table.has("Percentage served", "Time in ms")
    ),
    Summary[Table](
        "metrics.csv of `tailguard export`",
        _OURS,
        lambda table: table.has("run", "scenario", "step", "name", "value"),
    ),
    Summary[Table](
        "JMeter's aggregate report",
        "use the file that `jmeter -l` writes",
        lambda table: table.has("sampler_label") or table.has("Label", "# Samples"),
    ),
)

DOCUMENTS = (
    Summary[Document]("vegeta's report", _VEGETA, lambda document: document.has("latencies", "requests")),
    Summary[Document](
        "a summary of k6",
        _K6,
        lambda document: document.has("metrics") or document.has("results", "metadata"),
    ),
    Summary[Document](
        "autocannon's result",
        _AUTOCANNON,
        lambda document: document.has("latency", "requests", "throughput"),
    ),
    Summary[Document](
        "oha's JSON",
        _OHA,
        lambda document: (
            document.has("summary", "latencyPercentiles") or document.has("summary", "responseTimeHistogram")
        ),
    ),
    Summary[Document](
        "Locust's statistics", _LOCUST, lambda document: document.has("num_requests", "response_times")
    ),
    Summary[Document](
        "Gatling's statistics",
        _GATLING,
        lambda document: (
            document.has("numberOfRequests", "meanResponseTime") or document.has("stats", "contents")
        ),
    ),
    Summary[Document](
        "Artillery's report",
        "Artillery keeps no samples; use k6 --out json=... or hey -o csv",
        lambda document: document.has("aggregate", "intermediate"),
    ),
    Summary[Document](
        "a file of github-action-benchmark", _BENCH, lambda document: document.has("name", "unit", "value")
    ),
    Summary[Document]("a file of Bencher", _BENCH, _is_bencher),
    Summary[Document](
        "the record of a run (run.json)",
        _OURS,
        lambda document: document.has("schema", "scenarios", "verdicts"),
    ),
)

TEXTS = (
    Summary[str]("ab's text", _AB, lambda text: text.startswith("This is ApacheBench")),
    Summary[str](
        "wrk's text", _WRK, lambda text: text.startswith("Running ") and "Thread Stats" in text[: 1 << 12]
    ),
    Summary[str](
        "autocannon's text", _AUTOCANNON, lambda text: text.startswith("Running ") and "connections" in text
    ),
    Summary[str](
        "hey's text",
        _HEY,
        lambda text: (
            text.lstrip().startswith("Summary:") and "Requests/sec" in text and "Success rate" not in text
        ),
    ),
    Summary[str](
        "oha's text", _OHA, lambda text: text.lstrip().startswith("Summary:") and "Success rate" in text
    ),
    Summary[str](
        "vegeta's report", _VEGETA, lambda text: text.startswith("Requests ") and "[total, rate" in text[:200]
    ),
    Summary[str](
        "vegeta's plot of percentiles",
        f"its values are estimates without a bound; {_VEGETA}",
        lambda text: text.lstrip().startswith("Value(ms)"),
    ),
    Summary[str](
        "k6's text", _K6, lambda text: "http_req_duration" in text and "avg=" in text and "p(95)=" in text
    ),
)

# Files that are not text, by their first bytes: what they are, and what to give instead.
BINARIES = (
    (
        b"SQLite format 3\0",
        "a database of SQLite; export the table of requests as CSV (oha: --output-format csv)",
    ),
    (b"\x80\x02", "a pickle, which is never loaded; save numbers with numpy.save"),
    (b"\x80\x03", "a pickle, which is never loaded; save numbers with numpy.save"),
    (b"\x80\x04", "a pickle, which is never loaded; save numbers with numpy.save"),
    (b"\x80\x05", "a pickle, which is never loaded; save numbers with numpy.save"),
)


def is_vegeta_binary(content: bytes) -> bool:
    """Whether it is vegeta's own stream of Go's gob, which names its fields first."""
    head = content[:256]
    return b"\0" in content[:4096] and b"Result" in head and b"Attack" in head


def is_gatling_binary(content: bytes) -> bool:
    """Whether it is Gatling's log since 3.10: a record of the run, whose first field is the version."""
    return content[:1] == b"\0" and content[5:7] == b"3."


GATLING_BINARY = f"Gatling's binary log; {_GATLING}"
VEGETA_BINARY = f"vegeta's binary results; {_VEGETA}"
