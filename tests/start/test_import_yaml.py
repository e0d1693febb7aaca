"""`tailguard import openapi.yaml`: the same draft as of the JSON that it stands for."""

import sys

import pytest
import yaml

from tailguard.cli.main import run_cli
from tailguard.http.declared.reading import read_target_file

DOCUMENT = """\
openapi: 3.0.3
servers:
  - url: https://shop.test/v1
paths:
  /orders:
    get:
      parameters:
        - {name: since, in: query, required: true, example: 2026-01-31}
        - {name: open, in: query, required: true, example: yes}
        - {name: paid, in: query, required: true, example: true}
      responses:
        200: {description: all of them}
"""


@pytest.fixture
def imported(tmp_path, monkeypatch, capsys):
    """Import a document; returns the exit code and what was said to stderr."""
    monkeypatch.chdir(tmp_path)

    def imported(text, name="openapi.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return run_cli(["import", name]), capsys.readouterr().err

    return imported


@pytest.mark.parametrize("name", ["openapi.yaml", "openapi.yml"])
def test_a_day_and_a_yes_stay_what_they_are_in_json(imported, tmp_path, name):
    assert imported(DOCUMENT, name) == (0, "")
    file, _ = read_target_file(tmp_path / "openapi.toml")
    [step] = file.scenario["orders"].steps
    assert file.target.url == "https://shop.test"
    assert (step.path, step.expect) == ("/v1/orders", (200,))
    assert step.query == {"since": "2026-01-31", "open": "yes", "paid": True}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("openapi: 3.0.3\npaths: {a: [}\n", "openapi.yaml: line 2: "),
        ("openapi: &v 3.0.3\ninfo: *v\n", "openapi.yaml: line 2: an alias (*v): write it out"),
        ("a: " + "[" * 5000, "openapi.yaml: "),
        ("openapi: !!python/object/apply:os.system [ls]\n", "line 1: could not determine a constructor"),
        ("openapi: 3.0.3\n? [1, 2]\n: x\n", "openapi.yaml: "),
        ("a: 1\n", "neither an OpenAPI document nor a HAR"),
        ("\x00", "openapi.yaml: "),
    ],
)
def test_what_cannot_be_read_ends_with_one_sentence(imported, tmp_path, text, told):
    code, said = imported(text)
    assert code == 64
    assert told in said
    assert "Internal error" not in said
    assert not (tmp_path / "openapi.toml").exists()


@pytest.mark.parametrize(
    ("loader", "depth"), [("CSafeLoader", 5000), pytest.param("SafeLoader", 1000, marks=pytest.mark.system)]
)
def test_deep_nesting_is_refused_by_either_reader(imported, monkeypatch, loader, depth):
    if loader == "SafeLoader":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    code, said = imported("a: " + "[" * depth + "]" * depth)
    assert code == 64
    assert "nest" in said
    assert "Internal error" not in said


def test_without_its_package_the_part_is_named(imported, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    code, said = imported(DOCUMENT)
    assert code == 64
    assert "pip install 'tailguard[yaml]'" in said
