"""`tailguard import`: reads what describes or recorded a service, and writes the file that was drafted."""

from pathlib import Path

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.reading.json_text import JsonError, decode
from tailguard.base.reading.regular_file import read_bounded
from tailguard.start.drafts.draft import Draft
from tailguard.start.drafts.har import Har, draft_har
from tailguard.start.drafts.openapi import OpenApi
from tailguard.start.drafts.yaml_document import json_of

# A recording holds every answer, pictures included.
MOST_BYTES = 256 << 20
YAML = (".yaml", ".yml")


class Told(msgspec.Struct):
    """What tells one kind of document from another."""

    openapi: str = ""
    swagger: str = ""
    log: msgspec.Raw = msgspec.Raw()


def write_draft(source: Path, target: Path) -> Draft:
    """Draft a file from an OpenAPI document or a HAR and write it; nothing is overwritten.

    Raises UsageError for a document that is neither, or cannot be played, and for a file that is there.
    """
    draft = _drafted(source)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(draft.text(source.name))
    except FileExistsError:
        raise UsageError(
            f"{target} is there already, and is not overwritten: choose another --output."
        ) from None
    except OSError as error:
        raise UsageError(
            f"Cannot write {target}: {error.strerror or error}. Choose another --output."
        ) from error
    return draft


def _drafted(source: Path) -> Draft:
    content = read_bounded(source, MOST_BYTES)
    try:
        return _draft_of(json_of(content) if source.suffix in YAML else content)
    except JsonError as error:
        raise UsageError(
            f"Cannot read {source}: {error}. OpenAPI is read as JSON, or as YAML from a .yaml file; a HAR is JSON."
        ) from None
    except (UsageError, ValueError) as error:  # ValueError: an address that cannot be
        raise UsageError(f"Cannot import {source}: {error}") from None


def _draft_of(content: bytes) -> Draft:
    told = decode(content, Told)
    if told.openapi:
        return OpenApi(decode(content, dict)).drafted()
    if bytes(told.log):
        return draft_har(decode(content, Har))
    if told.swagger:
        raise UsageError(f"it is Swagger {told.swagger}: convert it to OpenAPI 3, then import that.")
    raise UsageError("it is neither an OpenAPI document nor a HAR: name openapi.json or recording.har.")
