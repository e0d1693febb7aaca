"""The record of a run that has measured nothing yet."""

from typing import Any

import msgspec

from tailguard.record.environment import Clocks, Cpu, Environment, GitState
from tailguard.record.part import Document
from tailguard.record.run_record import Platform, RunRecord


def a_record(**changed: Any) -> RunRecord:
    """Return one with what is `changed`."""
    record = RunRecord(
        id="3f9c1a",
        created_utc="2026-11-21T10:00:00Z",
        command=("tailguard", "run"),
        profile="smoke",
        seed=1,
        config=Document({"load": {"rate_per_s": 100.0}}),
        config_sha256="ab" * 32,
        environment=Environment(
            cpu=Cpu(model=None, logical=2, physical=1),
            memory_bytes=2**33,
            kernel="Linux 6.1",
            os="Debian",
            python="CPython 3.11.7",
            packages={},
            git=GitState(commit=None, dirty=None),
            clock=Clocks(wall_ns=2, monotonic_ns=1),
        ),
        platform=Platform(adapter="in-process"),
    )
    return msgspec.structs.replace(record, **changed)
