"""Every kind of report in a real browser, wide and narrow: nothing runs out of the page, nothing is cut off."""

from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tailguard.compare.history import rows_of
from tailguard.compare.series.findings import series_of
from tailguard.record.run import Run
from tailguard.report.charts.rendered_charts import charts_of
from tailguard.report.history_page import history_page_of
from tailguard.report.page import page_of
from tailguard.report.views.view import view_of
from tests.support.gallery import report_of
from tests.support.in_browser import draw_all, illegible, open_all, open_at
from tests.support.made_kinds import kind_of_run
from tests.support.made_proof import live, samples
from tests.support.made_samples import columns

KINDS = ("duet", "proof", "chaos", "file", "fail")  # a plain run is in test_page_in_browser.py
DRAWN = "registration"
A4_PX = 718
LOWEST_PX = 70  # a picture of 600 px that was squeezed to a phone had 60
SCROLLING = """
  return [...document.querySelectorAll('.scroll')].filter((found) => found.scrollWidth > found.clientWidth + 1)
    .map((found) => found.getAttribute('aria-label'));"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=KINDS)
def address(
    request: pytest.FixtureRequest, table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> str:
    if request.param in ("duet", "fail"):
        return report_of(request.param, tmp_path_factory.mktemp(request.param)).as_uri()
    made = kind_of_run(request.param, table)
    if request.param == "proof":  # as many builds as a real one has
        made = replace(
            made, migrations=(replace(made.migrations[0], live=replace(live(), builds=live().builds * 4)),)
        )
    path = tmp_path_factory.mktemp(request.param) / "report.html"
    drawn = {} if request.param == "proof" else {DRAWN: columns(table)[DRAWN]}
    path.write_text(page_of(view_of(made), charts_of(made, drawn, live=samples())), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize(("width", "theme"), [(1400, "light"), (390, "dark")])
def test_nothing_runs_out_of_the_page_and_no_label_is_cut_off(
    browser: webdriver.Chrome, address, width, theme
) -> None:
    open_at(browser, address, width, theme)
    open_all(browser)
    draw_all(browser)
    root = "document.documentElement"
    assert browser.execute_script(f"return {root}.scrollWidth <= {root}.clientWidth")
    assert illegible(browser) == []
    assert browser.get_log("browser") == []


SPOILED = """<body><div class="still"><svg width="200" height="40">
  <text x="10" y="20">one</text><text x="14" y="22">two</text><text x="190" y="20">beyond</text></svg></div>
  <p style="color: #888">pale</p></body>"""


def test_what_cannot_be_read_is_found(browser: webdriver.Chrome, tmp_path: Path) -> None:
    page = tmp_path / "spoiled.html"
    page.write_text(SPOILED, encoding="utf-8")
    open_at(browser, page.as_uri(), 1400)
    assert illegible(browser) == ["meet: one / two", "cut off: beyond", "pale: P pale"]


@pytest.mark.parametrize("address", ["proof", "fail"], indirect=True)
def test_still_pictures_are_as_legible_as_what_takes_their_place(browser: webdriver.Chrome, address) -> None:
    """On paper, without a script, and before anybody scrolls."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_at(browser, address, 390)
        assert browser.find_elements(By.CSS_SELECTOR, ".still > svg")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    open_all(browser)
    assert illegible(browser) == []
    heights = [each.size["height"] for each in browser.find_elements(By.CSS_SELECTOR, ".still > svg")]
    assert min(height for height in heights if height) > LOWEST_PX


@pytest.mark.parametrize("address", ["fail"], indirect=True)
def test_on_paper_it_is_black_on_white_and_nothing_has_to_be_scrolled(
    browser: webdriver.Chrome, address
) -> None:
    """A4 between its margins, for a reader of dark pages."""
    open_at(browser, address, A4_PX, "dark")
    open_all(browser)
    dark = {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        root = "document.documentElement"
        assert browser.execute_script(f"return {root}.scrollWidth <= {root}.clientWidth")
        assert illegible(browser) == []
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_on_a_wide_screen_no_table_has_to_be_scrolled(browser: webdriver.Chrome, address) -> None:
    open_at(browser, address, 1400)
    open_all(browser)
    assert browser.execute_script(SCROLLING) == []


def test_the_first_screen_holds_the_sentence_and_what_was_compared(
    browser: webdriver.Chrome, address
) -> None:
    open_at(browser, address, 390)
    about = browser.find_element(By.CSS_SELECTOR, ".about")
    assert browser.find_element(By.TAG_NAME, "h1").text
    assert about.text.startswith(("Compared: ", "Measured: "))
    assert about.rect["y"] + about.rect["height"] < 900


@pytest.mark.parametrize("address", ["proof"], indirect=True)
def test_a_plan_is_copied_with_the_keyboard_alone(browser: webdriver.Chrome, address) -> None:
    open_at(browser, address, 1400)
    plan = browser.find_element(By.CSS_SELECTOR, ".plan summary")
    plan.send_keys(Keys.ENTER)
    plan.send_keys(Keys.TAB)
    copy = browser.switch_to.active_element
    assert copy.text == "Copy"
    copy.send_keys(Keys.ENTER)
    assert copy.text.startswith(("Copied", "Selected"))


@pytest.mark.parametrize("width", [1400, 390])
def test_a_history_draws_a_chart_per_series_inside_the_page(
    browser: webdriver.Chrome, run: Run, tmp_path: Path, width: int
) -> None:
    series = series_of(rows_of(run))
    page = tmp_path / "history.html"
    page.write_text(history_page_of(series), encoding="utf-8")
    open_at(browser, page.as_uri(), width)
    named = [each.text for each in browser.find_elements(By.CSS_SELECTOR, "figure h3")]
    assert sorted(named) == sorted(each.metric for each in series)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert [each for each in browser.get_log("browser") if each["level"] == "SEVERE"] == []
