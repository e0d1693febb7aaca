"""Plain data as YAML: block style, every text quoted as JSON quotes it, which YAML 1.2 reads alike."""

import json
from collections.abc import Iterator

from tailguard.record.part import Json


def yaml_of(*documents: Json) -> str:
    """Return the documents, `---` between them; each is an object."""
    return "---\n".join("".join(f"{line}\n" for line in _lines(document)) for document in documents)


def _lines(value: Json) -> Iterator[str]:
    """Yield the lines of a value: one of a scalar, or of an empty object or list."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _entry(f"{key}:", inner)
    elif isinstance(value, list) and value:
        for inner in value:
            first, *rest = _lines(inner)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield json.dumps(value, ensure_ascii=False)


def _entry(key: str, value: Json) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield key
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield from (f"{key} {line}" for line in _lines(value))
