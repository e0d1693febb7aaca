"""S3: the embedded object store, or yours."""

from typing import TYPE_CHECKING

from tailguard.s3.address import S3Server

if TYPE_CHECKING:
    from tailguard.s3.server import open_s3
else:

    def __getattr__(name: str) -> object:
        if name != "open_s3":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from tailguard.s3.server import open_s3  # noqa: PLC0415  # its part [s3] may not be installed

        return open_s3


__all__ = ["S3Server", "open_s3"]
