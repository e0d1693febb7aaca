"""Certificates: issued, kept on a local disk or S3 or on their way between the two, read back, checked."""

from reference.certificates.flags import Flags
from reference.certificates.local import LocalStorage
from reference.certificates.metrics import Metrics
from reference.certificates.migrating import MigratingStorage
from reference.certificates.port import (
    URL_EXPIRES_S,
    CertificateStorage,
    NoLink,
    ObjectMissing,
    Saved,
    StorageUnavailable,
)
from reference.certificates.retry import TRIES, Retry
from reference.certificates.s3 import S3Storage, connect_s3
from reference.certificates.service import CONTENT_TYPE, KINDS, Certificate, CertificateRecord, Certificates

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
