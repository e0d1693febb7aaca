"""A value for a schema of OpenAPI: its own example, else one of its type."""

from collections.abc import Mapping

from tailguard.record.part import Json
from tailguard.start.drafts.draft import Draft, literal

# Schemas that hold themselves end here.
_DEEPEST = 6
_OF_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "uuid": "{uuid}",
    "email": "user-{number}@example.org",
    "uri": "https://example.org/",
    "ipv4": "192.0.2.1",
    "byte": "dGV4dA==",
}
Table = Mapping[str, Json]


def table(value: Json) -> dict[str, Json]:
    """Return a value that should be an object; an empty one if it is something else."""
    return value if isinstance(value, dict) else {}


def listed(value: Json) -> list[Json]:
    """Return a value that should be a list; an empty one if it is something else."""
    return value if isinstance(value, list) else []


class Examples:
    """Makes values for the schemas of a document; a password becomes a variable of the draft."""

    def __init__(self, document: Table, draft: Draft) -> None:
        self._document, self._draft = document, draft

    def resolved(self, value: Json) -> dict[str, Json]:
        """Return an object, or what its `$ref` names in the document."""
        found = table(value)
        for _ in range(_DEEPEST):
            reference = found.get("$ref")
            if not isinstance(reference, str):
                break
            found = self._at(reference)
        return found

    def stated(self, value: Table) -> Json:
        """Return the example that a schema, a parameter or a body states; None if it states none."""
        if value.get("example") is not None:
            return _literal(value["example"])
        examples = value.get("examples")
        if isinstance(examples, dict) and examples:  # by name, each with its value
            return _literal(self.resolved(next(iter(examples.values()))).get("value"))
        for found in (
            *listed(examples)[:1],
            value.get("default"),
            value.get("const"),
            *listed(value.get("enum"))[:1],
        ):
            if found is not None:
                return _literal(found)
        return None

    def of(self, schema: Json, depth: int = 0) -> Json:
        """Return a value of a schema."""
        found = self.resolved(schema)
        if (stated := self.stated(found)) is not None:
            return stated
        if depth >= _DEEPEST:
            return {}
        for each in (*listed(found.get("oneOf")), *listed(found.get("anyOf"))):
            if table(each).get("type") != "null":
                return self.of(each, depth + 1)
        if "allOf" in found:
            parts = [self.of(each, depth + 1) for each in listed(found["allOf"])]
            return {name: value for part in parts for name, value in table(part).items()}
        return self._of_type(found, depth)

    def _of_type(self, schema: Table, depth: int) -> Json:
        types = [each for each in listed(schema.get("type")) or [schema.get("type")] if each != "null"]
        kind = types[0] if types else None
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth)
        if kind == "array":
            return [self.of(schema.get("items"), depth + 1)]
        if kind in ("integer", "number"):
            return int(_number(schema)) if kind == "integer" else _number(schema)
        return True if kind == "boolean" else self._text(schema)

    def _object(self, schema: Table, depth: int) -> Json:
        """What is required, else all of it; deep within, what is required alone."""
        properties, required = table(schema.get("properties")), listed(schema.get("required"))
        return {
            name: self.of(each, depth + 1)
            for name, each in properties.items()
            if name in required or (not required and depth < _DEEPEST // 2)
        }

    def _text(self, schema: Table) -> str:
        kind = schema.get("format")
        if kind == "password":
            return self._draft.variable("password")
        text = _OF_FORMAT.get(kind, "text") if isinstance(kind, str) else "text"
        least, most = schema.get("minLength"), schema.get("maxLength")
        if isinstance(least, int):
            text = text.ljust(min(least, 1000), "x")
        return text[:most] if isinstance(most, int) and "{" not in text else text

    def _at(self, reference: str) -> dict[str, Json]:
        found: Json = dict(self._document)
        for part in reference.removeprefix("#/").split("/"):
            found = table(found).get(part.replace("~1", "/").replace("~0", "~"))
        return table(found)


def _number(schema: Table) -> float:
    """Return the least number above 0 that is allowed, 1 if none is stated."""
    least, above, most = (_bound(schema.get(name)) for name in ("minimum", "exclusiveMinimum", "maximum"))
    number = max(least or 0, 0 if above is None else above + 1) or 1
    return number if most is None else min(number, most)


def _bound(value: Json) -> float | None:
    """Return a number, None for anything else: OpenAPI 3.0 has `exclusiveMinimum: true`."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _literal(value: Json) -> Json:
    """Return an example literally: its braces are not places."""
    if isinstance(value, dict):
        return {name: _literal(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return literal(value) if isinstance(value, str) else value
