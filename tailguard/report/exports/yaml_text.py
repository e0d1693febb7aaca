"""Plain data as YAML: block style, every text quoted as JSON quotes it, which YAML 1.2 reads alike."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def yaml_of(*documents: Mapping[str, Any]) -> str:
    """Return the documents, `---` between them. Values are mappings, lists, texts, numbers, bools and None."""
    return "---\n".join("".join(f"{line}\n" for line in _lines(document)) for document in documents)


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entry(f"{key}:", inner)
    else:
        for inner in value:
            first, *rest = _entry_lines(inner)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)


def _entry(key: str, value: Any) -> Iterator[str]:
    if _is_block(value):
        yield key
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{key} {_scalar(value)}"


def _entry_lines(value: Any) -> list[str]:
    return list(_lines(value)) if _is_block(value) else [_scalar(value)]


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping | Sequence) and not isinstance(value, str) and bool(value)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
