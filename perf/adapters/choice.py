"""Which adapter reaches the platform: a built-in one, or a class of your own, checked before anything is started."""

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import cast

import tailguard as tg
from perf.offer import World
from perf.platform import NEEDED, STEPS, Closes

IN_PROCESS, HTTP = "in-process", "http"


def of_your_own(spec: str) -> bool:
    """Whether it names an adapter of your own."""
    return spec not in (IN_PROCESS, HTTP)


def load_adapter(spec: str) -> Callable[[World], Closes]:
    """Return what makes an adapter of your own. Raises UsageError if there is no such class."""
    return cast("Callable[[World], Closes]", _class_at(spec))  # `check_adapter` has seen that it is one


def _class_at(spec: str) -> type:
    """Return the class at `package.module:Name`, looked for in the present folder too.

    Raises UsageError if there is none, or its module breaks while it is imported.
    """
    module_name, _, name = spec.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), name]):
        raise tg.UsageError(
            f"Platform {spec!r} is not of the form package.module:Name. Example: --platform acme.perf:AcmePlatform"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # last: nothing of the suite's own is shadowed
    try:
        found = vars(import_module(module_name)).get(name)
    except (Exception, SystemExit) as error:
        raise tg.UsageError(
            f"Platform {spec!r}: module {module_name!r} cannot be imported ({type(error).__name__}: {error}). It is "
            f"looked for in {here} and on PYTHONPATH."
        ) from error
    if not isinstance(found, type):
        raise tg.UsageError(
            f"Platform {spec!r}: module {module_name!r} has no class {name!r}: an adapter is one."
        )
    return found


def check_adapter(spec: str, scenarios: Iterable[str]) -> None:
    """Raise UsageError that names every method which these scenarios ask for and the adapter lacks.

    Likewise if it cannot be called with its world alone.
    """
    lacks, adapter = lacking(spec), _class_at(spec)
    steps = dict.fromkeys(step for scenario in scenarios for step in NEEDED.get(scenario, ()))
    methods = [STEPS[step][0] for step in steps if step in lacks]
    if not issubclass(adapter, Closes):
        methods.append("close")
    if methods:
        raise tg.UsageError(f"Platform {spec!r} lacks {', '.join(methods)}: see perf/platform.py.")
    try:
        signature(adapter).bind("world")
    except TypeError as error:
        raise tg.UsageError(
            f"Platform {spec!r} cannot be called with its world ({error}): write def __init__(self, world), see "
            "World in perf/offer.py."
        ) from error


def lacking(spec: str) -> dict[str, str]:
    """Return the steps that an adapter has no method for, with the reason; ours have all."""
    if not of_your_own(spec):
        return {}
    adapter = _class_at(spec)
    return {
        step: f"{spec} has no {method}"
        for step, (method, protocol) in STEPS.items()
        if not issubclass(adapter, protocol)
    }
