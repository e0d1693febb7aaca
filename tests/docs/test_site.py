"""`make docs` builds the whole site without a warning, and the site needs no other host."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.each import each
from tests.test_public_names import PUBLIC_MODULES

pytestmark = pytest.mark.system
ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (ROOT / "tests" / "cli" / "commands.txt").read_text(encoding="utf-8")
HEADING = re.compile(r"<h\d id=[^>]*>(.*?)</h\d>(.*?)(?=<h\d id=|</article>)", re.DOTALL)
LOADED_BY_CSS = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""")


class Page(HTMLParser):
    """What a page loads, where it links to, and the ids that it has."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        self.loads |= {given[name] for name in ("src", "srcset", "poster", "data") if name in given}
        if tag == "link":
            self.loads.add(given.get("href", ""))
        elif tag == "a":
            self.links.add(given.get("href", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site; a warning of the build fails every test here."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = {(file.name, each) for file in site.rglob("*.html") for each in Page(file).loads}
    loaded |= {
        (file.name, each)
        for file in site.rglob("*.css")
        for each in LOADED_BY_CSS.findall(file.read_text(encoding="utf-8"))
    }
    assert len(loaded) > 10
    assert {each for each in loaded if urlsplit(each[1]).netloc} == set()


def test_every_page_is_in_the_navigation(site: Path) -> None:
    linked = {(site / link / "index.html").resolve() for link in Page(site / "index.html").links}
    pages = {
        (site / page.relative_to(ROOT / "docs").with_suffix("") / "index.html").resolve()
        for page in (ROOT / "docs").rglob("*.md")
        if page.name != "index.md"
    }
    assert len(pages) > 30
    assert pages - linked == set()


def test_every_link_of_a_page_leads_to_a_page_and_to_a_place_on_it(site: Path) -> None:
    pages = {file: Page(file) for file in site.rglob("index.html")}
    dead = []
    for file, page in pages.items():
        for link in page.links:
            to = urlsplit(link)
            if to.scheme or to.netloc or not link:
                continue
            target = (file.parent / to.path).resolve() if to.path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (
                to.fragment and target in pages and to.fragment not in pages[target].ids
            ):
                dead.append((str(file.relative_to(site)), link))
    assert dead == []


@pytest.mark.parametrize("module", ["tailguard", *(f"tailguard.{name}" for name in PUBLIC_MODULES)])
def test_every_public_name_is_on_the_page_of_the_python_api(site: Path, module: str) -> None:
    page = Page(site / "reference" / ("api" if module == "tailguard" else "api-parts") / "index.html")
    names = {f"{module}.{name}" for name in import_module(module).__all__}
    assert names - page.ids == set()


def test_every_command_and_option_is_on_the_page_of_the_commands(site: Path) -> None:
    page = (site / "reference" / "commands" / "index.html").read_text(encoding="utf-8")
    sections = {re.sub(r"<[^>]+>|&para;", "", title): text for title, text in HEADING.findall(page)}
    for line in each(COMMANDS.splitlines()):
        name, _, words = line.partition(": ")
        missing = {word for word in words.split() if word not in sections[name]}
        assert missing == set(), name
