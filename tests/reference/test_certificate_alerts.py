"""The Prometheus rules of the cut-over: each one fires on what it is for, and is silent on a healthy platform."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from reference.certificates.metrics import OUTCOMES, Metrics

RULES = Path(__file__).parents[2] / "docs" / "examples" / "certificates-alerts.yaml"
PROMTOOL = shutil.which("promtool")
# Counters a minute of a healthy platform, and what each trouble makes of them.
HEALTHY = {("write", "success"): 60, ("read", "success"): 60, ("save", "success"): 60, ("url", "success"): 60}
TROUBLES = {
    "CertificateWriteFailures": {("write", "fail"): 4},
    "CertificateReadFallbacks": {("read", "fallback"): 8},
    "CertificateLost": {("save", "fail"): 1},
    "CertificateLinkFailures": {("url", "fail"): 1},
    "CertificateOrphans": {("delete", "fail"): 1},
    "CertificateRetries": {"retries": 2},
    "CertificateBackfillStalled": {"pending": 0},
}


def rules() -> list[dict[str, object]]:
    return [
        rule
        for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def test_each_alert_is_tried() -> None:
    assert [rule["alert"] for rule in rules()] == list(TROUBLES)


def test_they_ask_for_counters_that_the_platform_has() -> None:
    shown = Metrics().exposition().decode()
    asked = "\n".join(str(rule["expr"]) for rule in rules())
    for name in ("cert_s3_operations_total", "cert_s3_retries_total"):
        assert name in shown
        assert name in asked
    for operation, outcomes in OUTCOMES.items():
        assert all(f'operation="{operation}",outcome="{outcome}"' in shown for outcome in outcomes)


def series(trouble: dict[object, int]) -> list[dict[str, str]]:
    """Return two hours of counters, in promtool's own writing."""
    pending = "7+0x120" if "pending" in trouble else "900-3x120"
    counted = {
        f'cert_s3_operations_total{{operation="{operation}",outcome="{outcome}"}}': trouble.get(
            (operation, outcome), HEALTHY.get((operation, outcome), 0)
        )
        for operation, outcomes in OUTCOMES.items()
        for outcome in outcomes
    } | {"cert_s3_retries_total": trouble.get("retries", 0)}
    found = [{"series": name, "values": f"0+{step}x120"} for name, step in counted.items()]
    return [*found, {"series": "cert_backfill_pending", "values": pending}]


def alerts_told(trouble: dict[object, int], expected: str | None, folder: Path) -> None:
    """Let promtool play two hours and check which alerts fire."""
    own = {rule["alert"]: rule for rule in rules()}
    tests = [
        {
            "interval": "1m",
            "input_series": series(trouble),
            "alert_rule_test": [
                {
                    "eval_time": "100m",
                    "alertname": name,
                    "exp_alerts": [fired(rule, name, trouble)] if name == expected else [],
                }
                for name, rule in own.items()
            ],
        }
    ]
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": tests}), encoding="utf-8")
    done = subprocess.run([str(PROMTOOL), "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def fired(rule: dict[str, object], name: str, trouble: dict[object, int]) -> dict[str, object]:
    labels = dict(rule["labels"])  # type: ignore[call-overload]  # a mapping of texts, as the file says
    sums_all = {"CertificateRetries", "CertificateBackfillStalled"}
    counted = [each for each in trouble if isinstance(each, tuple)]
    if counted and name not in sums_all:
        operation, outcome = counted[0]
        labels["operation"] = operation
        if "increase" in str(rule["expr"]):
            labels["outcome"] = outcome
    return {"exp_labels": labels, "exp_annotations": rule["annotations"]}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (apt-get install prometheus)")
@pytest.mark.parametrize("name", [None, *TROUBLES])
def test_an_alert_fires_on_what_it_is_for_alone(name: str | None, tmp_path: Path) -> None:
    alerts_told(TROUBLES[name] if name else {}, name, tmp_path)
