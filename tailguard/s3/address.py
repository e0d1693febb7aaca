"""Where an S3 server is, how to sign, and what in it is ours."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tailguard.base.secrets import keep_secret
from tailguard.record import environment as record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running S3 server. `kind` is "seaweedfs", "moto" (a stand-in: no real signatures) or "yours".

    Our objects lie in `bucket` below `prefix` (empty if the bucket itself is ours).
    """

    endpoint: str
    region: str
    bucket: str
    kind: str
    version: str
    prefix: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Have the keys masked wherever they turn up."""
        keep_secret(self.secret_key, self.session_token)

    def client(self, **config: Any) -> "S3Client":
        """Return a boto3 client, path style and SigV4; `config` goes to botocore's Config."""
        # Who only says where a server is need not have boto3 installed.
        from tailguard.s3.store import client_of  # noqa: PLC0415

        return client_of(self, **config)

    @property
    def address(self) -> str:
        """Return "host:port" for people."""
        return self.endpoint.split("://")[-1].split("@")[-1].rstrip("/")


def s3_record(server: S3Server) -> record.S3Server:
    """Return what a run's environment says of the server."""
    source: Literal["embedded", "yours"] = "yours" if server.kind == "yours" else "embedded"
    return record.S3Server(server=server.kind, version=server.version, source=source)
