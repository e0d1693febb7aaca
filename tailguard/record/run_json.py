"""run.json: the shape of a run's record (docs/architecture.md), read and written as JSON."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask_all
from tailguard.config.merge import Config
from tailguard.record.files import RECORD

SCHEMA = 1  # moves when a reader of the old run.json would misread the new one
# The parts that readers rely on, with the type that JSON gives them.
PARTS = {
    **dict.fromkeys(("config", "environment", "platform", "scenarios", "objectives", "files"), dict),
    **dict.fromkeys(("verdicts", "doubts", "migrations"), list),
    "complete": bool,
    "id": str,
    "config_sha256": str,
}


def empty_record(config: Config, identity: str, created: datetime) -> dict[str, Any]:
    """Return the record of a run that has measured nothing yet."""
    return {
        "schema": SCHEMA,
        "id": identity,
        "created_utc": utc(created),
        "finished_utc": None,
        "command": [],
        "profile": config.profile,
        "seed": config.get("seed"),
        "complete": False,
        "incomplete_because": "the run has not ended",
        "config": config.frozen(),
        "config_sha256": config.sha256,
        "environment": {},
        "platform": {"adapter": config.get("platform"), "faults": []},
        "scenarios": {},
        "objectives": {},
        "verdicts": [],
        "doubts": [],
        "migrations": [],
        "files": {},
    }


def read_record(folder: Path) -> dict[str, Any]:
    """Return the record of the run in `folder`; raise UsageError where it is broken or of another version."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:  # JSON and UTF-8 errors alike
        raise UsageError(f"{path} is broken: {error}. Measure again, or restore the file.") from error
    if not isinstance(record, dict):
        raise UsageError(f"{path} is broken: it holds no JSON object. Measure again, or restore the file.")
    if record.get("schema") != SCHEMA:
        raise UsageError(_other_schema(path, record))
    for name, kind in PARTS.items():
        if not isinstance(record.get(name), kind):
            raise UsageError(
                f"{path} is broken: it has no {name!r} part. Measure again, or restore the file."
            )
    return record


def _other_schema(path: Path, record: Mapping[str, Any]) -> str:
    """Say how to mend it; of a record that we cannot read, only what has the right form is repeated."""
    git = record["environment"].get("git") if isinstance(record.get("environment"), dict) else None
    commit = str(git.get("commit")) if isinstance(git, dict) else ""
    profile = str(record.get("profile", ""))
    run = "tailguard run" + (f" --profile {profile}" if re.fullmatch(r"[a-z][a-z0-9_]*", profile) else "")
    again = f"git switch --detach {commit} && {run}" if re.fullmatch(r"[0-9a-f]{7,64}", commit) else run
    has = f"schema {record['schema']!r}" if "schema" in record else "no schema number"
    return (
        f"{path} has {has}; this Tailguard reads {SCHEMA}. Measure it again with this version: `{again}`; "
        "or open it with the version that wrote it."
    )


def record_text(record: Mapping[str, Any]) -> str:
    """Return the record as JSON text without a secret in it."""
    return json.dumps(_plain(mask_all(record)), ensure_ascii=False, indent=1) + "\n"


def utc(instant: datetime) -> str:
    """Return `2026-11-21T10:00:00Z`."""
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """Return `value` as JSON knows it: numpy's numbers and arrays as Python's, NaN and infinities as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)
