"""A recording on its way: each answered request, with its time, secrets masked unless they are asked for."""

import base64
import os
from io import BufferedWriter
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.secrets import MASK, is_secret, mask
from tailguard.http.recorded.format import RecordedRequest
from tailguard.record.part import Json
from tailguard.shadow.messages import OF_THE_CONNECTION
from tailguard.shadow.proxy import Exchange

_SECRET_HEADERS = frozenset(("authorization", "proxy-authorization", "cookie"))
# Of the connection, and of the address that users knew.
_LEFT_OUT = OF_THE_CONNECTION | {b"host"}
_FORM = "application/x-www-form-urlencoded"
# A write to the disk takes a millisecond, which users would wait for: not one for each request.
_BUFFER_BYTES = 1 << 20


class Recording:
    """A new file that only its owner can read. Once the disk refuses, nothing more is recorded; `failed` says why."""

    def __init__(self, path: Path, *, with_secrets: bool) -> None:
        """Make the file. Raises UsageError if it is there already, or cannot be made."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise UsageError(
                f"--record {path}: {error.strerror}. Name a new file in a folder of yours."
            ) from None
        self._file = BufferedWriter(os.fdopen(handle, "wb", buffering=0), _BUFFER_BYTES)
        self._with_secrets = with_secrets
        self._began_ns = 0
        self.count, self.failed = 0, ""

    def take(self, exchange: Exchange) -> None:
        """Write one request, unless it was too large to be kept."""
        if self.failed or not exchange.request.whole:
            return
        self._began_ns = self._began_ns or exchange.request.ended_ns
        try:
            self._file.write(msgspec.json.encode(self._recorded(exchange)) + b"\n")
            self.count += 1
        except OSError as error:
            self.failed = error.strerror or str(error)

    def close(self) -> None:
        """Write what is left."""
        try:
            self._file.close()
        except OSError as error:
            self.failed = error.strerror or str(error)

    def _recorded(self, exchange: Exchange) -> RecordedRequest:
        request = exchange.request
        body = bytes(request.body)
        kind = request.header(b"content-type").decode("latin-1").lower().partition(";")[0]
        headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in request.headers]
        target = request.target.decode("latin-1")
        if not self._with_secrets:
            headers = [(key, MASK if _hides(key) else mask(value)) for key, value in headers]
            target, body = _without_secrets(target), _body_without_secrets(body, kind)
        try:
            content = {"body": body.decode()}
        except UnicodeDecodeError:
            content = {"body_base64": base64.b64encode(body).decode()}
        return RecordedRequest(
            at_s=(request.ended_ns - self._began_ns) / 1e9,
            method=request.method.decode("ascii"),
            target=target,
            status=exchange.answer.status,
            headers=[each for each in headers if each[0].lower().encode("latin-1") not in _LEFT_OUT],
            **content,
        )


def _hides(header: str) -> bool:
    return header.lower() in _SECRET_HEADERS or is_secret(header)


def _without_secrets(target: str) -> str:
    path, mark, query = target.partition("?")
    if not any(is_secret(name) for name, _ in parse_qsl(query, keep_blank_values=True)):
        return target
    return f"{path}{mark}{_form_without_secrets(query)}"


def _form_without_secrets(text: str) -> str:
    pairs = parse_qsl(text, keep_blank_values=True)
    return urlencode(
        [(name, MASK if is_secret(name) else value) for name, value in pairs], quote_via=quote, safe="*"
    )


def _body_without_secrets(body: bytes, kind: str) -> bytes:
    """Only JSON and forms have names by which secrets are known; a body that has none stays as it is, byte for byte."""
    if kind == _FORM:
        text = body.decode("utf-8", "replace")
        masked_form = _form_without_secrets(text)
        return masked_form.encode() if MASK in masked_form else body
    try:
        value: Json = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body
    masked = _masked(value)
    return body if masked == value else msgspec.json.encode(masked)


def _masked(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: MASK if is_secret(name) and each else _masked(each) for name, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, list) else value
