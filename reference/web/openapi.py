"""The OpenAPI 3.1 document of the platform's own routes, made from the operations that serve them."""

import re
from collections.abc import Iterable
from typing import Any

from reference.web.operation import Operation, Schema, object_of

PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
TYPES: dict[str | None, Schema] = {
    "int": {"type": "integer"},
    "uuid": {"type": "string", "format": "uuid"},
    None: {"type": "string"},
}
REFUSAL = object_of({"error": {"type": "string"}, "code": {"type": "string"}}, {"details": {}})


def document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """The document, ready for JSON."""
    paths: dict[str, Any] = {}
    for operation in operations:
        path = PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "DeltaCrown, reference implementation of its hot paths",
            "version": version,
            "description": "WebSocket: /ws/tournament/{id}/?token=<access>. Operations tagged `addition` have no "
            "counterpart on the real platform.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Refusal": REFUSAL},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "tags": ["addition"] if operation.addition else ["contract"],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
        "security": [] if operation.audience == "public" else [{"bearer": []}],
    }
    if operation.body is not None or operation.takes_file:
        content = {operation.takes_file or "application/json": {"schema": operation.body or {}}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(operation: Operation) -> list[Schema]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": TYPES[kind or None]}
        for name, kind in PARAMETER.findall(operation.path)
    ]
    in_query = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in operation.query.items()
    ]
    in_header = [
        {"name": name, "in": "header", "required": False, "schema": schema}
        for name, schema in operation.request_headers.items()
    ]
    return in_path + in_query + in_header


def _responses(operation: Operation) -> dict[str, Any]:
    status, schema = operation.success
    media_type = operation.gives_file or "application/json"
    answers: dict[str, Any] = {
        str(fine): {"description": when, "content": {media_type: {"schema": schema}}}
        for fine, when in {status: "success", **operation.also}.items()
    }
    for refused, when in sorted(all_refusals(operation).items()):
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
        answers[str(refused)] = {"description": when, "content": content}
    return answers


def all_refusals(operation: Operation) -> dict[int, str]:
    """The operation's own refusals, and those that its audience, body and throttle bring with them."""
    common: dict[int, str] = {}
    if operation.audience != "public":
        common[401] = "no token, or one that does not hold"
    if operation.audience == "staff":
        common[403] = "only staff may do this"
    if operation.body is not None:
        common[400] = "the body does not fit its schema"
    if operation.body is not None or operation.takes_file:
        common |= {413: "the body is too large", 415: "another content type is asked for"}
    if operation.scope is not None:
        common[429] = f"throttled ({operation.scope}); see Retry-After"
    return common | dict(operation.refusals)
