"""Pictures of every kind of report, wide, narrow, dark and on paper: `make screenshots`."""

import base64
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver

from tests.support.gallery import KINDS, report_of
from tests.support.in_browser import headless, open_at

OUT = Path("runs/screenshots")
VIEWS = {"wide": (1400, "light"), "narrow": (390, "light"), "dark": (1400, "dark")}
MOST_PX = 16_000  # higher pictures are not drawn


def main(kinds: list[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        browser = headless(Path(place) / "profile")
        if browser is None:
            sys.exit("No Chromium with its chromedriver on this machine: apt-get install chromium-driver")
        try:
            for kind in kinds or KINDS:
                for path in _pictures(browser, kind, report_of(kind, Path(place) / kind)):
                    print(path)
        finally:
            browser.quit()


def _pictures(browser: webdriver.Chrome, kind: str, report: Path) -> Iterator[Path]:
    for view, (width, theme) in VIEWS.items():
        open_at(browser, report.as_uri(), width, theme)
        yield _written(OUT / f"{kind}-{view}.png", _whole(browser, width))
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    yield _written(OUT / f"{kind}.pdf", printed["data"])


def _whole(browser: webdriver.Chrome, width: int) -> str:
    """The page from top to end, its charts as they are before anybody scrolls."""
    height = browser.execute_script("return document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, MOST_PX), "scale": 1}
    shot = {"clip": clip, "captureBeyondViewport": True}
    return str(browser.execute_cdp_cmd("Page.captureScreenshot", shot)["data"])


def _written(path: Path, data: str) -> Path:
    path.write_bytes(base64.b64decode(data))
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
