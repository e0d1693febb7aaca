"""Secrets reach no message, report, log or run file: everything that is shown goes through `mask`.

By parsing: the password of an address. By shape: what a name announces, tokens, keys. By value: every secret that
was given to this process, wherever it turns up.
"""

import functools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from tailguard.base.secrets.addresses import passwords_in, passwords_of

MASK = "***"

# Variables whose values are secrets wherever they turn up: libpq's and the AWS SDKs'.
SECRET_VARIABLES = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# A shorter value occurs in any text by chance: it is masked where an address or a name announces it.
SHORTEST_KNOWN = 4
# Nor is a password sought alone that is one of these: it would garble every message, and tell what it is by that.
_WORDS_OF_OURS = "tailguard postgresql password database localhost secret"

# Names that announce a secret: `password=...`, `"secret_key": "..."`, `?token=...`, `X-Amz-Signature=...`.
_NAMES = (
    r"password|passwd|passphrase|secret|secret_?(?:access_?)?key|session_token|access_key_id|token|api_?key|"
    r"x-amz-(?:signature|credential|security-token)"
)
_NAME = re.compile(rf"[\w-]*(?:{_NAMES})", re.IGNORECASE)
# Of a field, a parameter or a header that others named: here the value is not worth keeping, so that the net is wider.
_FIELD = re.compile(
    r"(?i)passw|secret|token|api[-_]?key|authorization|csrf|xsrf|session|signature|credential|\bpin\b|\botp\b|card|cvv|iban"
)
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
# A mark such as `,` belongs to a bare value if the value goes on after it.
_BARE = r"(?:[^\s'\"&,;})\]]|[,;})\]](?=[^\s'\"&,;})\]]))+"
# Each pattern begins only where a run of letters does: else a text of "a-a-a" would take quadratic time.
_PATTERNS = (
    re.compile(
        rf"(?P<keep>(?<![\w-])[\w-]*(?:{_NAMES})['\"]?\s*[=:]\s*)(?:{_QUOTED}|{_BARE})", re.IGNORECASE
    ),
    re.compile(r"(?P<keep>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(?P<keep>(?<![\w-]))eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"),  # a JSON web token
    re.compile(r"(?P<keep>\b)(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # an AWS access key's id
)

# A text without one of these holds nothing that is masked by parsing or by shape.
_SUSPECT = re.compile(r"[:=]|//|bearer\s|basic\s|eyJ|AKIA|ASIA", re.IGNORECASE)

# A word or a number: too many names and times of a record hold it.
_PLAIN = re.compile(r"[a-z_]+|\d+")

_known: dict[str, None] = {}  # as a set that keeps its order; given to this process, never written down
_placed: dict[str, None] = {}  # likewise; sought with the marks around it in an address, which stay


def remember(*values: str) -> None:
    """Know the passwords in values that may be addresses or connection strings: they are masked from now on."""
    for value in values:
        for password in passwords_of(value):
            rest = value.replace(password, "") if password else ""
            if password not in rest:
                keep_secret(password)
            if len(password) >= SHORTEST_KNOWN and password in _WORDS_OF_OURS:
                _placed[f":{password}@"] = None


def keep_secret(*secrets: str | None) -> None:
    """Know these very secrets: they are masked from now on."""
    for secret in secrets:
        _known.update(dict.fromkeys(_spellings(secret or "")))


def mask(text: str) -> str:
    """Return `text` with every secret replaced by `***`."""
    return _masked(text, _sought())


def mask_all(value: Any) -> Any:
    """Return a copy of plain data (dict, list, str, numbers) without a secret.

    Known secrets are sought in sentences alone: names, hashes and stamps hold a short one by chance. Each text that a
    failure brought along went through `mask` when it was taken.
    """
    known = [secret for secret in _sought() if not _PLAIN.fullmatch(secret)]
    # Of the texts of a large record, most stand there many times.
    return _all_masked(value, functools.cache(lambda text: _masked(text, known if " " in text else ())))


def is_secret(name: str) -> bool:
    """Tell whether the name of a field, a parameter or a header announces a secret."""
    return bool(_FIELD.search(name))


def _all_masked(value: Any, masked: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {
            name: MASK
            if item and isinstance(item, str) and _announces(str(name))
            else item
            if item is None or isinstance(item, int | float)
            else _all_masked(item, masked)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_all_masked(item, masked) for item in value]
    return value


@functools.lru_cache(maxsize=4096)  # a record has few names, each a thousand times
def _announces(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _masked(text: str, known: Iterable[str]) -> str:
    spans = [span for secret in known for span in _places(secret, text)]
    spans += [(first + 1, last - 1) for secret in _placed for first, last in _places(secret, text)]
    text = _without(text, spans)
    if not _SUSPECT.search(text):
        return text
    text = _without(text, passwords_in(text))
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<keep>{MASK}", text)
    return text


def _places(secret: str, text: str) -> Iterator[tuple[int, int]]:
    place = text.find(secret)
    while place >= 0:
        yield place, place + len(secret)
        place = text.find(secret, place + len(secret))


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Put `***` in place of the spans; of two that overlap, nothing is left between."""
    kept, end = [], 0
    for first, last in sorted(spans):
        if first >= end:
            kept += [text[end:first], MASK]
        end = max(end, last)
    return "".join([*kept, text[end:]])


def _sought() -> list[str]:
    """Return all known secrets in their spellings."""
    return [*_known, *_of_environment(os.environ)]


def _of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    for name in SECRET_VARIABLES:
        yield from _spellings(environ.get(name, ""))


def _spellings(secret: str) -> Iterable[str]:
    """Return the ways in which a secret is written: as it is, in an address, in JSON, in Python, in libpq's strings."""
    plain = unquote(secret)
    for text in (secret, plain):
        if len(text) < SHORTEST_KNOWN or text in _WORDS_OF_OURS:
            continue
        libpq = text.replace("\\", "\\\\").replace("'", "\\'")
        yield from (text, quote(text, safe=""), json.dumps(text)[1:-1], repr(text)[1:-1], libpq)
