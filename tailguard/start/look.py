"""What a folder contains: which kind of service, and what a first scenario may ask of it."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["django", "asgi", "flask", "http"]

# Where services run on a developer's machine.
USUAL = "http://127.0.0.1:8000"
# Folders that hold no code of the service's own.
_FOREIGN = {
    "venv",
    "env",
    "node_modules",
    "site-packages",
    "tests",
    "test",
    "migrations",
    "runs",
    "build",
    "dist",
}
_DEEPEST = 3
_ASGI, _FLASK = ("FastAPI", "Starlette"), ("Flask",)
_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']""")
_GET = re.compile(r"""\.client\.get\(\s*f?["'](/[^"'{]*)["']""")
_HOST = re.compile(r"""^\s*host\s*=\s*["'](https?://[^"']+)["']""", re.MULTILINE)
_YAML_PATH = re.compile(r"""^\s+["']?(/[^\s{}"']*)["']?:\s*\n\s+get:""", re.MULTILINE)
_YAML_SERVER = re.compile(r"""^\s*-\s*url:\s*["']?(https?://[^\s"']+)""", re.MULTILINE)
OPENAPI = ("openapi.json", "openapi.yaml", "openapi.yml")


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        kind: how a first scenario calls it: in this process, or over HTTP.
        what: in words, with the file.
        names: what the scenario's file says of it: `module` and `app`, or `settings`.
        path: a route without parameters, "/" if none was seen.
        url: where it runs, if that is known.
    """

    kind: Kind
    what: str
    names: dict[str, str] = field(default_factory=dict)
    path: str = "/"
    url: str = USUAL


def look(folder: Path) -> Found:
    """Return what a folder contains; an unknown service over HTTP if nothing is known. No code of it is run."""
    return (
        _django(folder)
        or _app(folder, "asgi", _ASGI)
        or _app(folder, "flask", _FLASK)
        or _locustfile(folder)
        or _openapi(folder)
        or Found("http", "nothing that is known: a service over HTTP")
    )


def _django(folder: Path) -> Found | None:
    settings = _SETTINGS.search(_text(folder / "manage.py"))
    if settings is None:
        return None
    urls = settings[1].rpartition(".")[0].replace(".", "/")
    route = next(_django_routes(_text(folder / urls / "urls.py")), "")
    what = f"a Django project (manage.py, {settings[1]})"
    return Found("django", what, {"settings": settings[1]}, f"/{route}")


def _django_routes(text: str) -> Iterator[str]:
    """Yield the routes without parameters, those of an include and of the admin site left out."""
    for node in ast.walk(_tree(text)):
        match node:
            case ast.Call(func=func, args=[ast.Constant(str(route)), view, *_]) if _last_name(func) == "path":
                if "<" not in route and "include" not in (said := ast.unparse(view)) and "admin" not in said:
                    yield route


def _app(folder: Path, kind: Kind, makers: tuple[str, ...]) -> Found | None:
    """Look for `app = FastAPI(...)` at the top of a module."""
    for file in _modules(folder):
        tree = _tree(_text(file))
        for name, maker in _made(tree):
            if maker in makers:
                module = ".".join(file.relative_to(folder).with_suffix("").parts).removeprefix("src.")
                names = {"module": module.removesuffix(".__init__"), "app": name}
                return Found(kind, f"a {maker} app ({file.relative_to(folder)})", names, _route(tree, name))
    return None


def _modules(folder: Path, depth: int = 0) -> Iterator[Path]:
    yield from sorted(folder.glob("*.py"))
    for inner in sorted(folder.iterdir()) if depth < _DEEPEST else ():
        if (
            inner.is_dir()
            and not inner.is_symlink()
            and inner.name not in _FOREIGN
            and inner.name[0] not in "._"
        ):
            yield from _modules(inner, depth + 1)


def _made(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the name and the class of each `name = Class(...)` at the top of a module."""
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Call)
        ):
            yield node.targets[0].id, _last_name(node.value.func)


def _route(tree: ast.Module, app: str) -> str:
    """Return the first route to GET without parameters: of @app.get("/x"), @app.route("/x") or Route("/x", ...)."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
            continue
        of_app = isinstance(node.func, ast.Attribute) and _last_name(node.func.value) == app
        path = node.args[0].value
        known = _last_name(node.func) in (("get", "route") if of_app else ("Route",))
        if known and isinstance(path, str) and path.startswith("/") and not set("{<") & set(path):
            return path
    return "/"


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _locustfile(folder: Path) -> Found | None:
    text = _text(folder / "locustfile.py")
    if not text:
        return None
    paths, hosts = _GET.findall(text), _HOST.findall(text)
    return _over_http("a locustfile (locustfile.py)", paths, hosts)


def _openapi(folder: Path) -> Found | None:
    name = next((name for name in OPENAPI if (folder / name).is_file()), "")
    if not name:
        return None
    text = _text(folder / name)
    if name.endswith(".json"):
        try:
            paths, urls = _in_openapi(json.loads(text))
        except ValueError:
            return None
    else:
        paths, urls = _YAML_PATH.findall(text), _YAML_SERVER.findall(text)
    return _over_http(f"an OpenAPI document ({name})", paths, urls)


def _in_openapi(document: object) -> tuple[list[str], list[str]]:
    if not isinstance(document, dict):
        return [], []
    paths, servers = document.get("paths"), document.get("servers")
    paths, servers = paths if isinstance(paths, dict) else {}, servers if isinstance(servers, list) else []
    urls = [each.get("url") for each in servers if isinstance(each, dict)]
    return (
        [
            path
            for path, item in paths.items()
            if "{" not in path and isinstance(item, dict) and "get" in item
        ],
        [url for url in urls if isinstance(url, str) and url.startswith("http")],
    )


def _over_http(what: str, paths: list[str], urls: list[str]) -> Found:
    return Found("http", what, path=(paths or ["/"])[0], url=(urls or [USUAL])[0].rstrip("/"))


def _tree(text: str) -> ast.Module:
    """Return a module's syntax tree, an empty one if it is not Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
