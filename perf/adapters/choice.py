"""Which adapter reaches the platform: one of ours, or a class of your own, checked before anything is started."""

from collections.abc import Iterable
from importlib import import_module

import tailguard as tg
from perf.platform import NEEDED, STEPS, Closes

IN_PROCESS, HTTP = "in-process", "http"


def load_adapter(spec: str) -> type[Closes]:
    """Return the class at `package.module:Name`; it is called without arguments. Raises UsageError if there is none."""
    module_name, colon, name = spec.partition(":")
    if not colon or not name:
        raise tg.UsageError(
            f"Platform {spec!r} is not of the form package.module:Name. Example: --platform acme.perf:AcmePlatform"
        )
    try:
        found = vars(import_module(module_name)).get(name)
    except ImportError as error:
        raise tg.UsageError(
            f"Platform {spec!r}: module {module_name!r} cannot be imported ({error}). Is it on PYTHONPATH?"
        ) from error
    if not isinstance(found, type):
        raise tg.UsageError(f"Platform {spec!r}: module {module_name!r} has no class {name!r}.")
    return found


def check_adapter(spec: str, scenarios: Iterable[str]) -> None:
    """Raise UsageError that names every method which these scenarios ask for and the adapter lacks."""
    lacks, adapter = lacking(spec), load_adapter(spec)
    steps = dict.fromkeys(step for scenario in scenarios for step in NEEDED.get(scenario, ()))
    methods = [STEPS[step][0] for step in steps if step in lacks]
    if not issubclass(adapter, Closes):
        methods.append("close")
    if methods:
        raise tg.UsageError(f"Platform {spec!r} lacks {', '.join(methods)}: see perf/platform.py.")


def lacking(spec: str) -> dict[str, str]:
    """Return the steps that an adapter has no method for, with the reason; ours have all."""
    if spec in (IN_PROCESS, HTTP):
        return {}
    adapter = load_adapter(spec)
    return {
        step: f"{spec} has no {method}"
        for step, (method, protocol) in STEPS.items()
        if not issubclass(adapter, protocol)
    }
