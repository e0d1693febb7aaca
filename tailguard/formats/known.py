"""All formats that are read, in the order in which they are tried."""

from tailguard.formats.documents import benchmarks, k6_json, vegeta_json
from tailguard.formats.documents import plain as plain_json
from tailguard.formats.histograms import hgrm, hlog
from tailguard.formats.tables import (
    ab,
    gatling,
    hey,
    jtl,
    k6_csv,
    locust_requests,
    oha,
    plain,
    vegeta_csv,
    warp,
)

TABLES = (
    jtl.FORMAT,
    k6_csv.FORMAT,
    locust_requests.FORMAT,
    hey.FORMAT,
    oha.FORMAT,
    vegeta_csv.FORMAT,
    ab.FORMAT,
    warp.FORMAT,
    plain.FORMAT,
)
LINES = (k6_json.FORMAT,)
DOCUMENTS = (
    vegeta_json.FORMAT,
    benchmarks.PYTEST_BENCHMARK,
    benchmarks.HYPERFINE,
    plain_json.FORMAT,
)
TEXTS = (gatling.FORMAT,)
HISTOGRAMS = (hgrm.FORMAT, hlog.FORMAT)
