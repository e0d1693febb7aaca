"""Counters of the S3 operations, for Prometheus: operation and outcome only, nothing of whose certificate it was."""

from prometheus_client import CollectorRegistry, Counter, generate_latest

OUTCOMES = {
    "save": ("success", "fail"),  # the platform's: acknowledged or not
    "write": ("success", "fail"),  # S3's part of a save
    "read": ("success", "fallback"),
    "delete": ("success", "fail"),
    "url": ("success", "fail"),
}


class Metrics:
    """The counters `cert.s3.<operation>.<outcome>` and `cert.s3.retries`, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register with `registry`, by default a new one."""
        self.registry = registry or CollectorRegistry()
        operations = Counter(
            "cert_s3_operations",
            "Certificate storage operations.",
            ("operation", "outcome"),
            registry=self.registry,
        )
        self._counters = {
            (operation, outcome): operations.labels(operation, outcome)
            for operation, outcomes in OUTCOMES.items()
            for outcome in outcomes
        }
        self._retries = Counter(
            "cert_s3_retries", "S3 requests that were tried again.", registry=self.registry
        )

    def count(self, operation: str, outcome: str) -> None:
        """Count one operation. Raises KeyError for one that does not exist."""
        self._counters[operation, outcome].inc()

    def count_retries(self, retries: int) -> None:
        """Count requests that were tried again."""
        if retries:
            self._retries.inc(retries)

    def counts(self) -> dict[str, int]:
        """Return all counters under their dotted names."""
        found = {
            f"cert.s3.{operation}.{outcome}": self._value("cert_s3_operations_total", operation, outcome)
            for operation, outcome in self._counters
        }
        return found | {"cert.s3.retries": int(self.registry.get_sample_value("cert_s3_retries_total") or 0)}

    def exposition(self) -> bytes:
        """Return the counters as Prometheus scrapes them."""
        return generate_latest(self.registry)

    def _value(self, name: str, operation: str, outcome: str) -> int:
        labels = {"operation": operation, "outcome": outcome}
        return int(self.registry.get_sample_value(name, labels) or 0)
