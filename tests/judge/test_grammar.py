"""One grammar of objectives, read from the right: a name, a metric, a limit."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.judge.objective import parse_limit, parse_objective, parse_stated


@pytest.mark.parametrize(
    ("text", "name", "metric", "p0", "limit", "strict"),
    [
        ("p95<=215ms", "", "latency", 0.05, 215, False),
        ("GET /cart p95 <= 120ms", "GET /cart", "latency", 0.05, 120, False),
        ("a < b p99 < 1s", "a < b", "latency", 0.01, 1000, True),
        ("GET /p95 <= x p50≤3ms", "GET /p95 <= x", "latency", 0.5, 3, False),
        ("error rate<1%", "", "error_rate", 0.01, 0.01, True),
        ("browse: GET /cart error rate < 0.5%", "browse: GET /cart", "error_rate", 0.005, 0.005, True),
        ("größe 東京 p95<1s", "größe 東京", "latency", 0.05, 1000, True),
    ],
)
def test_names_hold_spaces_signs_and_metrics_since_the_limit_is_read_first(
    text, name, metric, p0, limit, strict
):
    found = parse_objective(text)
    assert (found.step, found.metric, found.p0, found.limit, found.strict) == (
        name,
        metric,
        p0,
        limit,
        strict,
    )


def test_a_scenarios_own_limit_is_read_by_the_same_grammar():
    assert parse_limit("GET /cart p95<=120ms") == ("GET /cart", "p95", "<= 120ms")
    assert parse_limit("retry rate < 2%") == ("", "retry_rate", "< 2%")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p(95)<50", "is how k6 writes it; write 'p95 < 50ms'"),
        ("GET /cart p(99.9) < 1s", "write 'GET /cart p99.9 < 1s'"),
        ("avg<200", "an average hides the slow ones; write 'p50 <= 200ms' or 'p95 <= 200ms'"),
        ("GET /cart mean < 9ms", "'mean' is not a quantile"),
        ("med<200ms", "it is called p50 here"),
        ("max < 1s", "a maximum only grows with the samples; write 'p99.9 <= 1s'"),
        ("rps > 100", "the load that was asked for"),
        ("http_req_failed<0.01", "it is a rate; write 'error rate < 1%'"),
        ("errors < 1%", "write 'error rate < 1%'"),
        ("pay refusals rate < 2%", "did you mean 'refusal rate < 2%'"),
        ("p95 >= 1ms", "'>=' sets no limit to what is too much"),
        ("error rate > 1%", "'>' sets no limit to what is too much"),
        ("GET /cart <= 1s", "'/cart' is not a quantile"),
        ("<= 1s", "'' is not a quantile"),
        ("p95", "it has no limit"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_the_reason_and_the_form_that_is_meant(text, said):
    with pytest.raises(UsageError) as error:
        parse_stated(text)
    assert said in str(error.value)
