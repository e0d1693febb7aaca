"""Parts of Tailguard that only some need: which package belongs to which, and the command that adds it."""

# By top-level module: the extra of pyproject.toml that brings it.
_EXTRAS = {
    "vl_convert": "report",
    **dict.fromkeys(("boto3", "botocore", "moto"), "s3"),
    **dict.fromkeys(("picows", "websockets"), "websocket"),
    **dict.fromkeys(("gevent", "locust"), "locust"),
    "yaml": "yaml",
    **dict.fromkeys(("jsonschema", "jwt", "prometheus_client"), "example"),
    **dict.fromkeys(("starlette", "urllib3", "uvicorn"), "example"),
}


def command_of(extra: str) -> str:
    """Return the command that adds a part."""
    return f"pip install 'tailguard[{extra}]'"


def missing_part(error: ImportError) -> str:
    """Return which part a failed import lacks, with the command that adds it; "" if it is another package."""
    module = (error.name or "").partition(".")[0]
    extra = _EXTRAS.get(module)
    return (
        f"The part [{extra}] of Tailguard is not installed ({module}): {command_of(extra)}." if extra else ""
    )
