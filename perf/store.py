"""Where the platform keeps certificates, as plain data: whichever process opens it, opens the same one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tailguard as tg
from reference.certificates import (
    CertificateStorage,
    Flags,
    LocalStorage,
    Metrics,
    MigratingStorage,
    S3Storage,
)
from tailguard.s3 import S3Server

BOTH = Flags(dual_write=True, read_primary=True)


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """Certificates go to S3 alone, or to the local disk as well."""

    storage: Literal["s3", "dual_write"]


@dataclass(frozen=True, slots=True)
class Store:
    """S3 alone or, if `folder` is not "", that folder on the disk, too."""

    s3: S3Server
    folder: str

    def open_s3(self, metrics: Metrics | None = None) -> S3Storage:
        client = self.s3.client(max_pool_connections=32, retries={"total_max_attempts": 1})
        return S3Storage(client, self.s3.bucket, self.s3.prefix, metrics=metrics)

    def open(self, metrics: Metrics, flags: Flags = BOTH) -> CertificateStorage:
        """Open all of it; `metrics` counts what it does, `flags` say how far S3 is used beside a folder."""
        s3 = self.open_s3(metrics)
        if not self.folder:
            return s3
        return MigratingStorage(LocalStorage(Path(self.folder)), s3, flags, metrics)


def configured_store(s3: S3Server, config: tg.Config, folder: Path) -> Store | None:
    """Return the store that the configuration names; None if S3 is the target's own, as the rest of its storage is."""
    if not s3.endpoint:
        return None
    disk = config.read("certificates", CertificateSettings).storage == "dual_write"
    return Store(s3, str(folder / "certificates") if disk else "")
