"""Where certificates are kept: a small port, and S3 behind it."""

from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from deltacrown.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# Tries in all of one call. The platform's own budget for retried uploads is 2 %, so that a second retry is rare.
TRIES = 3
# As long as the platform's links: long enough to click on, too short to pass on.
URL_EXPIRES_S = 900


class CertificateStorage(Protocol):
    """Keeps objects under keys."""

    def save(self, key: str, body: bytes, content_type: str) -> int:
        """Store an object and return how many retries that took. Raises Unavailable."""
        ...

    def open(self, key: str) -> bytes:
        """Return an object's bytes. Raises Unavailable."""
        ...

    def url(self, key: str, expires_s: int = URL_EXPIRES_S) -> str:
        """Return a link that reads the object back without credentials until it expires."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        ...


class S3Storage:
    """One bucket of an S3 server, under a prefix. boto3 clients are thread-safe: one serves all workers."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "") -> None:
        """Store in `bucket`, all keys starting with `prefix`."""
        self._client, self._bucket, self._prefix = client, bucket, prefix

    def save(self, key: str, body: bytes, content_type: str) -> int:
        """Put the object privately; botocore counts its own bounded retries."""
        try:
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + key,
                Body=body,
                ContentType=content_type,
                CacheControl="private, max-age=600",
            )
        except (BotoCoreError, ClientError) as error:
            raise _unavailable("store", key, error) from error
        return answer["ResponseMetadata"]["RetryAttempts"]

    def open(self, key: str) -> bytes:
        """Get the object whole."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise _unavailable("read", key, error) from error

    def url(self, key: str, expires_s: int = URL_EXPIRES_S) -> str:
        """Sign a GET: computed here, without asking the server."""
        wanted = {"Bucket": self._bucket, "Key": self._prefix + key}
        return self._client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=expires_s)

    def delete(self, key: str) -> None:
        """Delete the object."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)
        except (BotoCoreError, ClientError) as error:
            raise _unavailable("delete", key, error) from error


def connect_s3(
    endpoint: str,
    access_key: str,
    secret_key: str,
    region: str = "us-east-1",
    session_token: str | None = None,
) -> "S3Client":
    """Return a client with path-style addresses, SigV4, bounded retries and short timeouts."""
    import boto3  # noqa: PLC0415 - costs 0.2 s, and most of the platform needs no S3
    from botocore.config import Config  # noqa: PLC0415 - as above

    # A session of its own: boto3's default one is not safe to make clients from in several threads.
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=session_token,
        region_name=region,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": TRIES},
            max_pool_connections=32,
            connect_timeout=2,
            read_timeout=10,
        ),
    )


def _unavailable(verb: str, key: str, error: Exception) -> Unavailable:
    """Name the object and the kind of failure; the error's own text may carry an endpoint or a key."""
    kind = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else type(error).__name__
    failed = Unavailable(f"could not {verb} the object {key}: {kind}", code="STORAGE_UNAVAILABLE")
    if isinstance(error, ClientError):
        failed.retries = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
    return failed
