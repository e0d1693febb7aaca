"""The upload scenario by the storage that the configuration names: S3 alone, or the dual write."""

import pytest

from perf.config import load_config
from scenarios._suite import run_suite

pytestmark = pytest.mark.system


@pytest.mark.parametrize("storage", ["s3", "dual_write"])
def test_every_upload_reads_back_from_either_storage(storage, postgres, tmp_path):
    flags = {
        "database.dsn": postgres.dsn,
        "runs_dir": str(tmp_path),
        "scenarios": ["certificate_upload"],
        "certificates.storage": storage,
        "migrations.run": False,
        "migrations.economy_rows": 4_000,
        "migrations.moderation_rows": 1_000,
        "placement.pin": False,
        "load.warmup": 2,
        "load.min_samples": 30,
        "load.max_samples": 30,
    }
    run = run_suite(load_config("smoke", flags=flags, environ={}))
    entry = run.record["scenarios"]["certificate_upload"]
    assert entry["counts"] == {"total": 60, "ok": 60, "conflict": 0, "error": 0}
    assert all(each["held"] for each in entry["invariants"])
    assert len(entry["invariants"]) == 3
