"""Secrets reach no message, report, log or run file: everything that is shown goes through `mask`."""

import os
import re
from collections.abc import Collection, Mapping
from typing import Any

MASK = "***"

# Variables whose values are secrets wherever they turn up: libpq's, the AWS SDKs' and ours.
SECRET_VARIABLES = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# A shorter value is a word that other texts contain by chance ("test"); masking it would garble them.
SHORTEST_KNOWN = 8

# Names that announce a secret: `password=...`, `"secret_key": "..."`, `?token=...`, `X-Amz-Signature=...`.
_NAMES = (
    r"(?:pg|ssl|db_?)?password|passwd|passphrase|secret|[a-z_]*secret_?(?:access_?)?key|[a-z_]*session_token|"
    r"access_key_id|aws_access_key_id|(?:access_|refresh_|id_)?token|api_?key|"
    r"x-amz-(?:signature|credential|security-token)"
)
_NAME = re.compile(_NAMES, re.IGNORECASE)
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_PATTERNS = (
    # scheme://user:password@host, scheme://:password@host; a password may hold an unescaped `@`.
    (
        re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:)[^\s/'\"]*(?=@)", re.IGNORECASE),
        r"\g<keep>" + MASK,
    ),
    (
        re.compile(
            rf"(?P<keep>\b(?:{_NAMES})['\"]?\s*[=:]\s*)(?:{_QUOTED}|[^\s'\"&,;}})\]]+)", re.IGNORECASE
        ),
        r"\g<keep>" + MASK,
    ),
    (re.compile(r"(?P<keep>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE), r"\g<keep>" + MASK),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), MASK),  # a JSON web token
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),  # an AWS access key's id
)


def mask(text: str, known: Collection[str] = ()) -> str:
    """Return `text` with every secret replaced by `***`.

    Masks passwords in URLs and in key=value form, S3 keys and signatures, tokens, each value of `known`
    and the values of the variables in SECRET_VARIABLES.
    """
    for value in sorted({*known, *_environment_secrets(os.environ)}, key=len, reverse=True):
        if len(value) >= SHORTEST_KNOWN:
            text = text.replace(value, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def mask_all(value: Any, known: Collection[str] = ()) -> Any:
    """Return a copy of plain data (dict, list, str, numbers) with `mask` applied to each string in it."""
    if isinstance(value, str):
        return mask(value, known)
    if isinstance(value, Mapping):
        return {
            name: MASK
            if item and isinstance(item, str) and _NAME.fullmatch(str(name))
            else mask_all(item, known)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [mask_all(item, known) for item in value]
    return value


def _environment_secrets(environ: Mapping[str, str]) -> list[str]:
    return [environ[name] for name in SECRET_VARIABLES if environ.get(name)]
