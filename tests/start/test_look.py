"""What `tailguard init` sees in a folder, without running any of its code."""

from textwrap import dedent

import pytest

from tailguard.start.look import look


def written(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return folder


def test_a_fastapi_app_is_found_with_its_module_and_a_route_that_can_be_asked(tmp_path):
    text = """
        from fastapi import FastAPI
        raise SystemExit("nobody runs this")
        shop = FastAPI()
        @shop.post("/orders")
        def order(): ...
        @shop.get("/items/{n}")
        def item(n): ...
        @shop.get("/items")
        async def items(): ...
        """
    found = look(written(tmp_path, {"src/acme/main.py": text}))
    assert (found.kind, found.names, found.path) == ("asgi", {"module": "acme.main", "app": "shop"}, "/items")


def test_a_starlette_app_is_found_by_its_routes(tmp_path):
    text = """
        import starlette.applications as web
        app = web.Starlette(routes=[Route("/a/{x}", a), Route("/b", b)])
        """
    found = look(written(tmp_path, {"main.py": text}))
    assert (found.kind, found.names["app"], found.path) == ("asgi", "app", "/b")


def test_a_flask_app_is_found(tmp_path):
    text = 'app = Flask("shop")\n@app.route("/a/<n>")\ndef a(n): ...'
    found = look(written(tmp_path, {"shop/__init__.py": text}))
    assert (found.kind, found.names, found.path) == ("flask", {"module": "shop", "app": "app"}, "/")


MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")'


def test_a_django_project_is_found_with_its_settings_and_a_route_of_its_own(tmp_path):
    urls = '''
        """Examples: path('example/', views.home)"""
        urlpatterns = [
            path("admin/", admin.site.urls),
            path("api/", include("api.urls")),
            path("items/<int:n>/", item),
            path("items/", items),
        ]
        '''
    found = look(
        written(tmp_path, {"manage.py": MANAGE, "site1/urls.py": urls, "other.py": "app = FastAPI()"})
    )
    assert (found.kind, found.names, found.path) == ("django", {"settings": "site1.settings"}, "/items/")


def test_a_locustfile_gives_host_and_route(tmp_path):
    text = """
        class Shopper(HttpUser):
            host = "http://127.0.0.1:8123/"
            @task
            def cart(self):
                self.client.get(f"/cart/{self.n}")
                self.client.get("/cart")
        """
    found = look(written(tmp_path, {"locustfile.py": text}))
    assert (found.kind, found.url, found.path) == ("http", "http://127.0.0.1:8123", "/cart")


def test_an_openapi_document_gives_server_and_route(tmp_path):
    paths = '{"/a/{id}": {"get": {}}, "/b": {"post": {}}, "/c": {"get": {}}}'
    text = f'{{"servers": [{{"url": "http://h:9/api"}}], "paths": {paths}}}'
    found = look(written(tmp_path, {"openapi.json": text}))
    assert (found.kind, found.url, found.path) == ("http", "http://h:9/api", "/c")


def test_an_openapi_document_in_yaml_likewise(tmp_path):
    text = "servers:\n  - url: http://h:9\npaths:\n  /a/{id}:\n    get: {}\n  /c:\n    get: {}\n"
    (tmp_path / "openapi.yaml").write_text(text, encoding="utf-8")
    found = look(tmp_path)
    assert (found.url, found.path) == ("http://h:9", "/c")


@pytest.mark.parametrize("name", ["openapi.json", "main.py", "manage.py", "locustfile.py"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[1]", b'{"paths": 3, "servers": {}}', b"\0"])
def test_a_file_that_says_nothing_is_no_mistake(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert (look(tmp_path).kind, look(tmp_path).path) == ("http", "/")


@pytest.mark.parametrize("folder", ["tests", ".venv/lib", "venv", "a/b/c/d"])
def test_code_of_others_and_of_tests_is_not_looked_at(tmp_path, folder):
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "main.py").write_text("app = FastAPI()")
    assert look(tmp_path).kind == "http"
