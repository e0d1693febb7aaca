"""An OpenAPI document in YAML as the JSON that it stands for."""

import re

import msgspec

from tailguard.base.errors import UsageError

_TAG = "tag:yaml.org,2002:"


def json_of(content: bytes) -> bytes:
    """Return a YAML document as JSON. Raises UsageError for what is not YAML, or has aliases, with the line."""
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415  # an extra, which ships no types

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # likewise
        """Reads as YAML 1.2 does for JSON: a day is a text, and so are yes and no."""

        yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own form
            first: [each for each in resolvers if each[0] not in (f"{_TAG}timestamp", f"{_TAG}bool")]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^(?:true|false)$"), list("tf"))
    try:
        for event in yaml.parse(content, Loader):
            if isinstance(event, yaml.AliasEvent):  # a few could stand for more than any memory holds
                raise UsageError(
                    f"line {event.start_mark.line + 1}: an alias (*{event.anchor}): write it out"
                )
        return msgspec.json.encode(yaml.load(content, Loader))  # noqa: S506  # a SafeLoader
    except RecursionError:
        raise UsageError("it nests too deeply") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"line {line}: {error.problem}") from None
    except (yaml.YAMLError, TypeError, ValueError) as error:  # marks that no text has, keys that are no texts
        raise UsageError(f"it is not YAML that JSON could say: {error}") from None
