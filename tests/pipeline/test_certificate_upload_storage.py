"""The upload scenario by the storage that the configuration names: S3 alone, or the dual write."""

import pytest

from tailguard.config.merge import load_config
from tailguard.pipeline.suite_run import run_suite
from tailguard.record.doubt import Grade
from tailguard.record.scenario import Counts

pytestmark = pytest.mark.system


@pytest.fixture
def uploaded(postgres, tmp_path):
    def upload(storage, platform="in-process"):
        flags = {
            "database.dsn": postgres.dsn,
            "runs_dir": str(tmp_path),
            "scenarios": ["certificate_upload"],
            "platform": platform,
            "certificates.storage": storage,
            "migrations.run": False,
            "migrations.economy_rows": 4_000,
            "migrations.moderation_rows": 1_000,
            "placement.pin": False,
            "load.warmup": 2,
            "load.min_samples": 30,
            "load.max_samples": 30,
        }
        return run_suite(load_config("smoke", flags=flags, environ={})).record

    return upload


def test_every_upload_reads_back_from_s3_and_the_fallback_is_skipped_aloud(uploaded, said):
    record = uploaded("s3")
    entry = record.scenarios["certificate_upload"]
    assert entry.counts == Counts(total=60, ok=60, conflict=0, error=0)
    assert all(each.held for each in entry.invariants)
    assert len(entry.invariants) == 3
    assert "fallback_read" not in entry.steps
    [doubt] = [each for each in record.doubts if each.kind == "skipped_step"]
    assert doubt.grade is Grade.NOTE
    assert "fallback_read was not measured: there is no local disk beside S3" in doubt.measured
    assert any("fallback_read is skipped" in line for line in said.messages)


@pytest.mark.parametrize("platform", ["in-process", "http"])
def test_with_a_disk_beside_s3_what_s3_has_lost_is_served_from_the_disk(uploaded, platform):
    record = uploaded("dual_write", platform)
    entry = record.scenarios["certificate_upload"]
    assert entry.counts == Counts(total=90, ok=90, conflict=0, error=0)
    assert entry.steps["fallback_read"].counts.ok == 30
    assert all(each.held for each in entry.invariants)
    assert {each.name for each in entry.invariants} >= {"every fallback read was one"}
    assert "skipped_step" not in {each.kind for each in record.doubts}
