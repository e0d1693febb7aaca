"""The fixture `slo` in environments of their own, with pytest 8 and 9, beside the plugins that projects have."""

import json
import re
from pathlib import Path
from shutil import rmtree
from textwrap import dedent

import pytest

from tailguard.record.run import Run
from tests.support.environments import BUSY, built_wheel, environment, run

pytestmark = pytest.mark.proof

BESIDE = (
    "pytest-asyncio",
    "anyio",
    "trio",
    "pytest-xdist",
    "pytest-django",
    "pytest-benchmark",
    "locust",
    "django",
    "httpx",
    "starlette",
)
NO_DJANGO = ("-p", "no:django", "-p", "no:locust")
NO_OTHERS = (*NO_DJANGO, "-p", "no:asyncio")
ASYNCIO = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", *NO_DJANGO)


@pytest.fixture(scope="module", params=["==8.4.*", ">=9"], ids=["pytest 8.4", "pytest 9"])
def commands(request, tmp_path_factory):
    """The folder of commands of an environment with the wheel, that pytest, and all plugins."""
    wheel = built_wheel(tmp_path_factory.mktemp("wheel"))
    return environment(tmp_path_factory.mktemp("environment"), wheel, f"pytest{request.param}", *BESIDE)


@pytest.fixture
def tests(commands, tmp_path):
    """Write tests, run pytest on them, and return how many came out how; what starves is run again."""

    def run_tests(text, *options, **files):
        for name, content in {"test_shop.py": text, **files}.items():
            (tmp_path / name).write_text(dedent(content), encoding="utf-8")
        for _ in range(5):
            rmtree(tmp_path / "runs", ignore_errors=True)
            said = run(commands / "python", "-m", "pytest", *options, cwd=tmp_path, code=None)
            if not BUSY.search(said):
                break
        counts = re.findall(r"^=+ (.*) in [\d.]+s", said, re.MULTILINE)
        assert counts, said
        return {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", counts[-1])}, said

    return run_tests


def names(folder: Path) -> list[str]:
    return list(Run.load("latest", folder / "runs").record.scenarios)


ASYNC = """
    import asyncio, pytest

    @pytest.fixture
    async def app():
        loop = asyncio.get_running_loop()

        async def answer(path):
            assert asyncio.get_running_loop() is loop
            await asyncio.sleep(0.0005)

        yield answer

    {marker}
    @pytest.mark.slo("p95 <= 500ms"{load})
    async def test_cart(slo, app):
        await slo(app, "/cart")
"""


@pytest.mark.parametrize("load", ["", ", users=4"])
def test_pytest_asyncio(tests, tmp_path, load):
    text = ASYNC.format(marker="@pytest.mark.asyncio", load=load)
    out, said = tests(text, "-W", "error", *ASYNCIO)
    assert out == {"passed": 1}, said
    assert names(tmp_path) == ["test_shop.py::test_cart"]


def test_anyio_and_a_loop_that_is_not_asyncios(tests):
    out, said = tests(
        ASYNC.format(marker="@pytest.mark.anyio", load="").replace("import asyncio, pytest", "import asyncio, pytest")
        + """
    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(request):
        return request.param

    @pytest.fixture
    async def app():
        async def answer(path):
            pass
        yield answer
    """,
        "-W", "error", *NO_OTHERS,
    )  # fmt: skip
    assert out == {"passed": 1, "failed": 1}, said
    assert "let anyio_backend be 'asyncio' where slo measures" in said


def test_an_asgi_app_in_process_with_httpx(tests):
    out, said = tests(
        """
        import httpx, pytest
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        async def cart(request):
            return JSONResponse({"items": 1})

        @pytest.fixture
        async def client():
            transport = httpx.ASGITransport(Starlette(routes=[Route("/cart", cart)]))
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                yield client

        @pytest.mark.slo("p95 <= 500ms")
        async def test_cart(slo, client):
            await slo(client.get, "/cart")

        @pytest.mark.slo("p95 <= 500ms")
        async def test_no_such_route(slo, client):
            await slo(client.get, "/card")
        """,
        "-W", "error", *ASYNCIO,
    )  # fmt: skip
    assert out == {"passed": 1, "failed": 1}, said
    assert "The first HTTP 404: HTTP 404" in said


def test_xdists_workers_take_turns_and_make_one_run_and_one_report(tests, tmp_path):
    out, said = tests(
        """
        import os, time, pathlib, pytest

        def call(busy=pathlib.Path(__file__).with_name("busy")):
            with busy.open("x"):
                time.sleep(0.0005)
            busy.unlink()

        @pytest.mark.slo("p95 <= 500ms")
        @pytest.mark.parametrize("size", range(4))
        def test_find(slo, size):
            slo(call)
        """,
        "-n", "2", "-W", "error", *NO_OTHERS,
    )  # fmt: skip
    assert out == {"passed": 4}, said
    assert sorted(names(tmp_path)) == [f"test_shop.py::test_find[{size}]" for size in range(4)]
    record = Run.load("latest", tmp_path / "runs").record
    assert [each.name for each in tmp_path.glob("runs/2*")] == [
        Run.load("latest", tmp_path / "runs").folder.name
    ]
    assert "beside_other_tests" in {each.kind for each in record.doubts}
    assert said.count("Report: ") == 1
    assert "8 objectives: 8 PASS" in said


def test_pytest_django_in_a_tests_own_transaction(tests, tmp_path):
    out, said = tests(
        """
        import pytest
        from django.http import JsonResponse
        from django.urls import path
        from django.contrib.auth.models import User

        def count(request):
            return JsonResponse({"users": User.objects.count()})

        urlpatterns = [path("count", count)]

        @pytest.mark.django_db
        @pytest.mark.slo("p95 <= 500ms")
        def test_count(slo, client):
            User.objects.create(username="mine")

            def ask():
                assert client.get("/count").json() == {"users": 1}

            slo(ask)

        @pytest.mark.django_db
        @pytest.mark.slo("p95 <= 500ms")
        def test_route(slo, client):
            slo(client.get, "/counts")
        """,
        "-W", "error", "-p", "no:locust", "-p", "no:asyncio",
        **{
            "settings.py": """
            SECRET_KEY = "for tests"
            ROOT_URLCONF = "test_shop"
            ALLOWED_HOSTS = ["*"]
            INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
            DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
            """,
            "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = settings\npythonpath = .\n",
        },
    )  # fmt: skip
    assert out == {"passed": 1, "failed": 1}, said
    assert "The first HTTP 404" in said


def test_pytest_benchmark_and_locusts_plugin_and_no_cache(tests, tmp_path):
    out, said = tests(
        """
        import pytest

        @pytest.mark.slo("p95 <= 500ms")
        def test_find(slo):
            slo(sorted, range(1000))

        def test_sorted(benchmark):
            benchmark(sorted, range(1000))
        """,
        "-p", "no:cacheprovider", "-p", "no:django", "--benchmark-json=bench.json",
    )  # fmt: skip
    assert out["passed"] == 2, said
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["benchmarks"]
    assert not (tmp_path / ".pytest_cache").exists()


def test_a_projects_own_marker_and_options(tests):
    out, said = tests(
        """
        import pytest

        @pytest.mark.slo("gold")
        def test_own(pytestconfig):
            assert pytestconfig.getoption("--slo-profile") == "gold"
        """,
        "--strict-markers", "--slo-profile=gold", "-W", "error", *NO_OTHERS,
        **{
            "conftest.py": 'def pytest_addoption(parser):\n    parser.addoption("--slo-profile")\n',
            "pytest.ini": "[pytest]\nmarkers =\n    slo(tier): our service tier\n",
        },
    )  # fmt: skip
    assert out == {"passed": 1}, said
