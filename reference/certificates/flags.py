"""The three flags of the cut-over from local disk to S3, all off by default."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

DUAL_WRITE, READ_PRIMARY, BACKFILL = (
    "CERT_S3_DUAL_WRITE",
    "CERT_S3_READ_PRIMARY",
    "CERT_S3_BACKFILL_ENABLED",
)
_ON, _OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Flags:
    """`dual_write` stores on S3 beside the disk, `read_primary` reads S3 first, `backfill` allows a backfill."""

    dual_write: bool = False
    read_primary: bool = False
    backfill: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Flags":
        """Read the three variables. Raises ValueError for a value that is neither on nor off."""
        return cls(*(_read(environ, name) for name in (DUAL_WRITE, READ_PRIMARY, BACKFILL)))


def _read(environ: Mapping[str, str], name: str) -> bool:
    word = environ.get(name, "").strip().lower()
    if word not in _ON + _OFF:
        raise ValueError(f"{name} is {environ[name]!r}; write true or false")
    return word in _ON
