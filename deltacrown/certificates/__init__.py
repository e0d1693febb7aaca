"""Certificates: issued, kept on a local disk or S3 or on their way between the two, read back, checked."""

from deltacrown.certificates.flags import Flags
from deltacrown.certificates.local import LocalStorage
from deltacrown.certificates.metrics import Metrics
from deltacrown.certificates.migrating import MigratingStorage
from deltacrown.certificates.port import (
    URL_EXPIRES_S,
    CertificateStorage,
    NoLink,
    ObjectMissing,
    Saved,
    StorageUnavailable,
)
from deltacrown.certificates.retry import TRIES, Retry
from deltacrown.certificates.s3 import S3Storage, connect_s3
from deltacrown.certificates.service import CONTENT_TYPE, KINDS, Certificate, CertificateRecord, Certificates

__all__ = [
    "CONTENT_TYPE",
    "KINDS",
    "TRIES",
    "URL_EXPIRES_S",
    "Certificate",
    "CertificateRecord",
    "CertificateStorage",
    "Certificates",
    "Flags",
    "LocalStorage",
    "Metrics",
    "MigratingStorage",
    "NoLink",
    "ObjectMissing",
    "Retry",
    "S3Storage",
    "Saved",
    "StorageUnavailable",
    "connect_s3",
]
