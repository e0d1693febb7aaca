"""JSON Schemas of the fields that several operations share."""

from reference.web.operation import Schema

ID: Schema = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}  # bigint identity
SCORE: Schema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
AMOUNT: Schema = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}  # whole coins
STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
INTEGER_OR_NULL: Schema = {"type": ["integer", "null"]}
STRING_OR_NULL: Schema = {"type": ["string", "null"]}
TIME: Schema = {"type": "string", "format": "date-time"}
BOOLEAN: Schema = {"type": "boolean"}


def text(longest: int, shortest: int = 0) -> Schema:
    """A string of so many characters. PostgreSQL stores no NUL."""
    return {"type": "string", "minLength": shortest, "maxLength": longest, "pattern": r"^[^\u0000]*$"}


def listed(items: Schema) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": items}
