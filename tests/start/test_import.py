"""`tailguard import`: a drafted file can be run as it is, and holds nobody's data."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from textwrap import dedent
from urllib.request import urlopen

import pytest

from tailguard.base.ports import free_port
from tailguard.cli.main import run_cli
from tailguard.http.declared.reading import read_target_file
from tailguard.record.run import Run

SHOP = """
    import itertools, sys
    from typing import Annotated
    from urllib.parse import parse_qsl
    import uvicorn
    from fastapi import FastAPI, Header, HTTPException, Request
    from fastapi.responses import HTMLResponse, RedirectResponse
    from pydantic import BaseModel, Field

    app = FastAPI(servers=[{"url": f"http://127.0.0.1:{sys.argv[1]}"}])
    carts, numbers = {}, itertools.count(1000)

    class Line(BaseModel):
        sku: str = Field(examples=["shoe-7"])
        count: int = Field(ge=2)

    class Cart(BaseModel):
        lines: list[Line]
        note: str | None = None

    class Made(BaseModel):
        id: int

    def known(cart_id):
        if cart_id not in carts:
            raise HTTPException(404)
        return carts[cart_id]

    @app.get("/items")
    async def items(q: str, limit: int = 10):
        return ["shoes"]

    @app.post("/carts", status_code=201)
    async def make(cart: Cart) -> Made:
        number = next(numbers)
        carts[number] = cart
        return Made(id=number)

    @app.get("/carts/{cart_id}")
    async def read(cart_id: int):
        return known(cart_id)

    @app.delete("/carts/{cart_id}", status_code=204)
    async def drop(cart_id: int):
        del carts[known(cart_id) and cart_id]

    @app.get("/login", include_in_schema=False)
    async def form():
        page = HTMLResponse('<form><input type="hidden" name="csrf" value="c-%08d"></form>' % next(numbers))
        page.set_cookie("visit", "v-%d" % next(numbers))
        return page

    @app.post("/login", include_in_schema=False)
    async def login(request: Request):
        given = dict(parse_qsl((await request.body()).decode()))
        good = given["csrf"].startswith("c-") and "@" in given["email"] and given["password"] == "open sesame"
        if not good or not request.cookies["visit"].startswith("v-"):
            raise HTTPException(403)
        return {"access": "t-%08d" % next(numbers)}

    @app.post("/orders", include_in_schema=False)
    async def order(authorization: Annotated[str, Header()]):
        if not authorization.startswith("Bearer t-"):
            raise HTTPException(401)
        return RedirectResponse("/orders/%d" % next(numbers), 303)

    @app.get("/orders/{number}", include_in_schema=False)
    async def ordered(number: int):
        return {"number": number}

    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
"""


@contextmanager
def served(folder):
    """Serve the shop; yields its address."""
    file, port = folder / "shop.py", free_port()
    file.write_text(dedent(SHOP), encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(file), str(port)])
    url, until_s = f"http://127.0.0.1:{port}", time.monotonic() + 60
    try:
        while not answers(f"{url}/openapi.json"):
            assert time.monotonic() < until_s
            assert process.poll() is None
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def answers(url):
    try:
        return urlopen(url).status == 200
    except OSError:
        return False


def entry(
    url, method="GET", *, headers=(), body=None, kind="application/json", status=200, answer="", got=()
):
    """A request and its answer, as a browser writes them."""
    posted = {} if body is None else {"postData": {"mimeType": kind, "text": body}}
    mime = "application/json" if answer.startswith(("{", "[")) else "text/html"
    return {
        "request": {
            "method": method,
            "url": url,
            "headers": [{"name": name, "value": value} for name, value in headers],
            **posted,
        },
        "response": {
            "status": status,
            "headers": [{"name": name, "value": value} for name, value in got],
            "content": {"mimeType": mime, "text": answer},
        },
    }


FORM = "application/x-www-form-urlencoded"


def journey(url):
    """Somebody logs in and orders."""
    return [
        entry(
            f"{url}/login",
            answer='<input type="hidden" name="csrf" value="c-00000042">',
            got=[("Set-Cookie", "visit=v-77; Path=/")],
        ),
        entry(f"{url}/static/shop.css"),
        entry("https://tracker.example.net/pixel?who=ann", status=204),
        entry(
            f"{url}/login",
            "POST",
            kind=FORM,
            body="csrf=c-00000042&email=ann.smith%40mail.test&password=open+sesame",
            headers=[("Cookie", "visit=v-77; _ga=GA1.2.3"), ("User-Agent", "Firefox")],
            answer='{"access": "t-00000043"}',
        ),
        entry(
            f"{url}/orders",
            "POST",
            headers=[("Authorization", "Bearer t-00000043")],
            body='{"note": "call +49 170 5550100 or ann.smith@mail.test", "gift": null, "size": "{big}"}',
            status=303,
            got=[("Location", "/orders/8842")],
        ),
        entry(f"{url}/orders/8842", answer='{"number": 8842}'),
        entry(f"{url}/nowhere", status=404),
    ]


PRIVATE = ("ann", "smith", "sesame", "00000042", "00000043", "8842", "v-77", "GA1", "5550100", "Firefox")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("PASSWORD", "API_KEY", "X_API_KEY", "AUTHORIZATION", "KEY"):
        monkeypatch.setenv(name, "from outside")
    return tmp_path


def imported(here, document, name="recording.har"):
    (here / name).write_text(
        document if isinstance(document, str) else json.dumps(document), encoding="utf-8"
    )
    return run_cli(["import", name])


def drafted(here, document, name="recording.har"):
    """The drafted file, read as a run would, and its text."""
    assert imported(here, document, name) == 0
    file = (here / name).with_suffix(".toml")
    return read_target_file(file)[0], file.read_text(encoding="utf-8")


def steps(file, scenario="recording"):
    return {step.name: step for step in file.scenario[scenario].steps}


def plays_without_errors(file, *scenarios):
    run_cli(["run", file, "--duration", "4s"])
    entries = Run.load("latest").record.scenarios
    assert set(entries) == set(scenarios)
    for found in entries.values():
        assert found.counts.error == 0, found.errors
        assert found.counts.ok > 0


@pytest.mark.system
def test_the_document_of_a_served_app_and_a_recording_of_it_become_files_that_run(here, monkeypatch, capsys):
    with served(here) as url:
        (here / "openapi.json").write_bytes(urlopen(f"{url}/openapi.json").read())
        assert run_cli(["import", "openapi.json"]) == 0
        assert "tailguard run openapi.toml" in capsys.readouterr().out
        plays_without_errors("openapi.toml", "carts", "items")
        monkeypatch.setenv("PASSWORD", "open sesame")
        assert imported(here, {"log": {"entries": journey(url)}}) == 0
        plays_without_errors("recording.toml", "recording")


def test_a_recording_holds_nobodys_data_and_saves_what_answers_gave(here, capsys):
    file, text = drafted(here, {"log": {"entries": journey("http://shop.test")}})
    assert [word for word in PRIVATE if word in text] == []
    assert [word for word in PRIVATE if word in "".join(capsys.readouterr())] == []
    found = steps(file)
    assert list(found) == ["GET /login", "POST /login", "POST /orders", "GET {location}"]
    assert found["GET /login"].save["csrf"].startswith("regex.")
    assert found["GET /login"].save["visit"] == "cookie.visit"
    assert found["POST /login"].form == {
        "csrf": "{csrf}",
        "email": "{user.email}",
        "password": "from outside",
    }
    assert found["POST /login"].headers == {"Cookie": "visit={visit}"}
    assert found["POST /orders"].headers["Authorization"] == "Bearer {access}"
    assert json.loads(found["POST /orders"].raw) == {
        "note": "call {user.phone} or {user.email}",
        "gift": None,
        "size": "big",
    }


@pytest.mark.parametrize(
    "told",
    [
        "1 x a static file",
        "1 x another host, tracker.example.net",
        "1 x a request that was answered with 404",
        "cookies that no recorded answer sets are left out: _ga",
        "a secret, password, comes from the environment",
        "a person's email is replaced by {user.email}",
        "export PASSWORD=...",
    ],
)
def test_what_is_left_out_or_replaced_is_named(here, told, capsys):
    drafted(here, {"log": {"entries": journey("http://shop.test")}})
    assert told in capsys.readouterr().out


SECRETS = [
    entry("http://shop.test/a?api_key=k3y-1234567"),
    entry("http://shop.test/a", headers=[("X-Api-Key", "k3y-1234567")]),
    entry("http://shop.test/a", headers=[("Authorization", "Basic azN5LTEyMzQ1Njc6")]),
    entry("http://shop.test/a", "POST", body='{"user": {"password": "k3y-1234567"}}'),
    entry("http://shop.test/a", "POST", kind="text/plain", body="password=k3y-1234567&x=1"),
    entry("http://shop.test/users/k3y-1234567@mail.test"),
    entry("http://shop.test/a", "POST", body='{"contact": [{"phone": "k3y-1234567"}]}'),
]


@pytest.mark.parametrize("recorded", SECRETS)
def test_a_secret_is_replaced_wherever_it_stands(here, recorded):
    _, text = drafted(here, {"log": {"entries": [recorded]}})
    assert "k3y" not in text
    assert "azN5" not in text


def test_what_we_sent_first_is_not_saved_from_an_answer_that_repeats_it(here):
    repeated = entry("http://shop.test/search?q=red+shoes", answer='{"query": "red shoes", "page_id": 12}')
    later = entry("http://shop.test/results?q=red+shoes&page_id=12")
    file, _ = drafted(here, {"log": {"entries": [repeated, later]}})
    [first, second] = file.scenario["recording"].steps
    assert first.save == {"page_id": "json.page_id"}
    assert second.query == {"q": "red shoes", "page_id": "{page_id}"}


ITEM = {"properties": {"id": {"type": "string"}}}
DOCUMENT = {
    "openapi": "3.0.3",
    "servers": [{"url": "https://{region}.shop.test/v1", "variables": {"region": {"default": "eu"}}}],
    "components": {
        "schemas": {"Item": ITEM, "Tree": {"properties": {"child": {"$ref": "#/components/schemas/Tree"}}}},
        "responses": {"Made": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}},
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    },
    "paths": {
        "/items/{itemId}": {
            "parameters": [{"name": "itemId", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"responses": {"200": {}}},
        },
        "/items": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "allOf": [
                                    {"properties": {"name": {"type": "string", "minLength": 6}}},
                                    {"properties": {"tree": {"$ref": "#/components/schemas/Tree"}}},
                                    {"properties": {"until": {"type": "string", "format": "date"}}},
                                ]
                            }
                        }
                    }
                },
                "responses": {"201": {"$ref": "#/components/responses/Made"}},
            }
        },
        "/pictures": {"post": {"requestBody": {"content": {"multipart/form-data": {}}}}},
        "/shops/{shop}": {
            "get": {
                "parameters": [
                    {"name": "shop", "in": "path", "schema": {"type": "integer"}},
                    {"name": "day", "in": "query", "required": True, "example": "2026-02-03"},
                ]
            }
        },
    },
}  # fmt: skip


def test_a_resource_is_made_before_it_is_read_and_its_id_is_saved(here):
    file, _ = drafted(here, DOCUMENT, "openapi.json")
    assert file.target.url == "https://eu.shop.test"
    assert file.target.headers == {"X-Key": "from outside"}
    made, read = file.scenario["items"].steps
    assert (made.path, made.save, made.expect) == ("/v1/items", {"item_id": "json.id"}, (201,))
    assert (made.body["name"], made.body["until"]) == ("textxx", "2026-01-31")
    assert read.path == "/v1/items/{item_id}"


def test_a_guess_and_what_cannot_be_asked_are_named(here, capsys):
    file, text = drafted(here, DOCUMENT, "openapi.json")
    told = "POST /pictures is left out: it wants multipart/form-data"
    guess = "{shop} of GET /shops/{shop} is a guess: 1"
    shown = capsys.readouterr().out
    assert all(each in shown and each in text for each in (told, guess))
    [shop] = file.scenario["shops"].steps
    assert (shop.path, shop.query) == ("/v1/shops/1", {"day": "2026-02-03"})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{", "OpenAPI is read as JSON, or as YAML from a .yaml file"),
        ("openapi: 3.1.0", "OpenAPI is read as JSON, or as YAML from a .yaml file"),
        ({"swagger": "2.0"}, "convert it to OpenAPI 3"),
        ({"a": 1}, "neither an OpenAPI document nor a HAR"),
        ([1], "Cannot read"),
        ({"openapi": "3.1.0", "paths": []}, "no operation that can be asked"),
        ({"log": {"entries": []}}, "record your journey again"),
        ({"log": {"entries": [{"request": 5}]}}, "log.entries[0].request"),
        ({"log": {"entries": [entry("http://[x/")]}}, "Cannot import recording.har: "),
    ],
)
def test_what_cannot_be_imported_ends_with_one_sentence(here, document, told, capsys):
    assert imported(here, document) == 64
    assert told in capsys.readouterr().err
    assert not (here / "recording.toml").exists()


def test_marks_that_no_text_shows_reach_neither_a_comment_nor_a_value_as_they_are(here):
    shown = {
        "openapi": "3.1.0",
        "paths": {"/a\n[b]/{c\x7f}": {"get": {}, "post": {"requestBody": {"content": {"x\n": {}}}}}},
    }
    file, text = drafted(here, shown, "openapi.json")
    [step] = file.scenario["a_b"].steps
    assert step.name == "GET /a\n[b]/{c\x7f}"
    assert "\x7f" not in text


def test_nothing_is_overwritten(here, capsys):
    (here / "recording.toml").write_text("mine", encoding="utf-8")
    assert imported(here, {"log": {"entries": journey("http://shop.test")}}) == 64
    assert "recording.toml is there already" in capsys.readouterr().err
    assert (here / "recording.toml").read_text(encoding="utf-8") == "mine"
