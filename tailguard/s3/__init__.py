"""S3: the embedded object store, or yours."""

from tailguard.s3.server import open_s3
from tailguard.s3.store import S3Server

__all__ = ["S3Server", "open_s3"]
