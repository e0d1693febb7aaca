"""`tailguard init` in a folder: a suite that runs at once, and nothing overwritten."""

import tomllib
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from tailguard.cli.main import run_cli
from tailguard.record.run import Run
from tests.docs.page import DOCS, ShownFile, blocks
from tests.support.installed import typed

FASTAPI = """
    from fastapi import FastAPI
    app = FastAPI()

    @app.get("/items")
    async def items():
        return ["shoes"]
"""
STARLETTE = """
    from contextlib import asynccontextmanager
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    @asynccontextmanager
    async def lifespan(app):
        app.state.items = ["shoes"]
        yield

    async def items(request):
        return JSONResponse(request.app.state.items)

    app = Starlette(routes=[Route("/items", items)], lifespan=lifespan)
"""
FLASK = """
    from flask import Flask
    app = Flask(__name__)

    @app.get("/items")
    def items():
        return {"items": ["shoes"]}
"""
DJANGO = """
    import os, sys
    SECRET_KEY, DEBUG, ALLOWED_HOSTS, ROOT_URLCONF = "x", False, [], "urls"
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
"""
URLS = """
    from django.db import connection
    from django.http import JsonResponse
    from django.urls import path

    def items(request):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'shoes'")
            return JsonResponse({"items": cursor.fetchall()})

    urlpatterns = [path("items/", items)]
"""
MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")\n'


def init(folder: Path) -> int:
    return run_cli(["init", str(folder)])


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")


def test_it_says_what_it_found_what_it_wrote_and_the_one_command(tmp_path, capsys):
    write(tmp_path, shop=FLASK)
    assert init(tmp_path) == 0
    told = capsys.readouterr().out
    assert "Found a Flask app (shop.py); the scenario asks /items" in told
    assert f"Measure and judge it: cd {tmp_path} && tailguard run\n" in told
    suite = tomllib.loads((tmp_path / "tailguard.toml").read_text(encoding="utf-8"))
    assert suite == {"suite": {"scenarios": ["perf_first.py"]}}


def test_where_nothing_is_known_the_command_names_a_target(tmp_path, capsys):
    assert init(tmp_path) == 0
    assert "tailguard run --target http://127.0.0.1:8000" in capsys.readouterr().out


@pytest.mark.parametrize("there", ["perf_first.py", "tailguard.toml", ".github/workflows/performance.yml"])
def test_nothing_is_overwritten_and_nothing_is_written_beside_it(tmp_path, there, capsys):
    path = tmp_path / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine = 1\n", encoding="utf-8")
    assert init(tmp_path) == 64
    assert "is there already" in capsys.readouterr().err
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]
    assert path.read_text(encoding="utf-8") == "mine = 1\n"


@pytest.mark.parametrize(("files", "pull_request"), [({"shop": FLASK}, True), ({}, False)])
def test_the_job_is_yaml_that_installs_runs_and_compares(tmp_path, files, pull_request):
    write(tmp_path, **files)
    (tmp_path / "requirements.txt").touch()
    assert init(tmp_path) == 0
    job = yaml.safe_load((tmp_path / ".github/workflows/performance.yml").read_text(encoding="utf-8"))
    steps = job["jobs"]["performance"]["steps"]
    said = [step.get("run", "") for step in steps]
    assert "pip install tailguard -r requirements.txt" in said
    assert any(each.startswith("tailguard run") for each in said)
    assert ('tailguard duet --baseline-ref "origin/$BASE"' in said) is pull_request
    assert steps[0]["with"]["fetch-depth"] == 0


def test_the_job_is_the_one_that_the_guide_shows(tmp_path):
    write(tmp_path, main=FASTAPI)
    (tmp_path / "requirements.txt").touch()
    assert init(tmp_path) == 0
    [shown] = [
        block for block in blocks(DOCS / "how-to" / "github-actions.md") if isinstance(block, ShownFile)
    ]
    assert (tmp_path / shown.name).read_text(encoding="utf-8") == shown.text.split("\n", 1)[1]


@pytest.mark.system
@pytest.mark.parametrize(
    ("package", "files"),
    [
        ("fastapi", {"main": FASTAPI}),
        pytest.param("starlette", {"main": STARLETTE}, marks=pytest.mark.proof),
        pytest.param("flask", {"main": FLASK}, marks=pytest.mark.proof),
        pytest.param("django", {"manage": MANAGE, "settings": DJANGO, "urls": URLS}, marks=pytest.mark.proof),
    ],
)
def test_what_it_writes_runs_at_once(tmp_path, package, files):
    pytest.importorskip(package)
    pytest.importorskip("httpx")
    write(tmp_path, **files)
    assert init(tmp_path) == 0
    done = typed(tmp_path, "run", "--rate", "20/s", "--duration", "8s")
    record = Run.load("latest", tmp_path / "runs").record
    samples = record.scenarios["first_scenario"].counts
    assert (samples.error, samples.ok > 100) == (0, True), done.stdout
    assert [verdict.name for verdict in record.verdicts] == [
        "first_scenario first p95 <= 250ms",
        "first_scenario error rate < 1%",
    ]
    assert done.returncode in {0, 65, 75}, "a noisy machine is doubted, never taken for a breach"
