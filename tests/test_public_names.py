"""`import tailguard` gives everything that a suite is written with, and loads nothing until it is asked for."""

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import tailguard

ROOT = Path(__file__).resolve().parent.parent
PUBLIC_MODULES = ("faults", "guards", "http", "kit", "locust", "postgres", "s3", "websocket")


def loaded_by(code):
    """The modules that are loaded once a fresh interpreter has run the code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_import_alone_loads_no_other_module_of_ours_and_no_numpy():
    loaded = loaded_by("import tailguard")
    assert [name for name in loaded if name.startswith("tailguard.")] == []
    assert "numpy" not in loaded


@pytest.mark.system
def test_what_a_suite_is_written_with_loads_no_load_tool_and_no_database_driver():
    loaded = loaded_by("import tailguard; [getattr(tailguard, name) for name in tailguard.__all__]")
    assert not {"locust", "gevent", "pytest", "psycopg", "scipy", "pandas", "click"} & loaded


@pytest.mark.parametrize("name", tailguard.__all__)
def test_every_public_name_is_there_under_its_own_name(name):
    assert getattr(tailguard, name).__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'tailguard' has no attribute 'scenrio'"):
        _ = tailguard.scenrio


def test_completion_offers_the_public_names():
    assert dir(tailguard) == sorted(tailguard.__all__)


SUITE = ("perf", "scenarios", "slo", "reports")
PUBLIC = {"tailguard", *(f"tailguard.{name}" for name in PUBLIC_MODULES)}


def used_of_the_product(path):
    """Yield (module, name) for each name of the product that a file imports, or takes from `tg`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] == "tailguard":
                yield from ((module, each.name) for each in node.names)
            case ast.Import(names=names):
                yield from ((each.name, "") for each in names if each.name.startswith("tailguard."))
            case ast.Attribute(value=ast.Name(id="tg"), attr=name):
                yield "tailguard", name


@pytest.mark.system
@pytest.mark.parametrize("folder", SUITE)
def test_the_suite_of_this_repository_uses_public_names_alone(folder):
    private = {
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for module, name in used_of_the_product(path)
        if module not in PUBLIC or name not in {"*", *import_module(module).__all__}
    }
    assert private == set()
