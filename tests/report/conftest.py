"""Fixtures of the report's tests: runs on disk, made without a server; a headless browser to open a report with."""

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.support.in_browser import headless
from tests.support.made_fixtures import run, table  # noqa: F401  # fixtures of pytest


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chrome = headless(tmp_path_factory.mktemp("profile"))
    if chrome is None:
        pytest.skip("no Chromium with its chromedriver on this machine")
    yield chrome
    chrome.quit()
