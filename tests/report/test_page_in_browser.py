"""The report in a real browser: headless Chromium, from a file, without a network."""

import base64
import re

import pandas as pd
import pytest
from msgspec.structs import replace
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tailguard.report.charts.drawn import RenderedCharts
from tailguard.report.charts.rendered_charts import charts_of
from tailguard.report.page import page_of
from tailguard.report.views.view import view_of
from tests.support.in_browser import PATIENCE_S, draw_all, illegible, open_all, open_at
from tests.support.made_kinds import server_time
from tests.support.made_run import record, with_scenario
from tests.support.made_samples import columns
from tests.support.waiting import eventually

MOST_PAGES = 8  # on paper

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    made = record(table)
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page_of(view_of(made), charts_of(made, columns(table))), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", [1400, 390])
def test_every_chart_draws_without_a_console_error_and_nothing_overflows(browser, address, width) -> None:
    open_at(browser, address, width)
    open_all(browser)
    draw_all(browser)
    assert browser.get_log("browser") == []
    root = "document.documentElement"
    assert browser.execute_script(f"return {root}.scrollWidth <= {root}.clientWidth")
    assert illegible(browser) == []


def test_a_page_that_was_opened_in_the_background_draws_as_soon_as_it_is_looked_at(browser, address) -> None:
    open_at(browser, address, 1400)
    other = browser.execute_cdp_cmd("Target.createTarget", {"url": "about:blank"})
    try:
        assert browser.execute_script("return document.visibilityState") == "hidden"
        open_all(browser)
        draw_all(browser)
    finally:
        browser.execute_cdp_cmd("Target.closeTarget", other)


def test_the_first_screen_shows_the_verdict_and_what_is_met_as_one_table(browser, address) -> None:
    open_at(browser, address, 1400)
    assert (
        browser.find_element(By.TAG_NAME, "h1").text.replace("\n", " ").startswith("PASS All 14 objectives")
    )
    rows = browser.find_elements(By.CSS_SELECTOR, ".met tbody tr")
    assert len(rows) == 14
    assert rows[-1].rect["y"] < 900
    (row,) = (row.text for row in rows if "registration p95" in row.text)
    for words in ("registration p95 <= 215ms", "≤ 215 ms", " to "):
        assert words in row
    assert not any(card.is_displayed() for card in browser.find_elements(By.CSS_SELECTOR, ".card"))


def test_the_table_of_what_is_met_is_searched_and_sorted(browser, address) -> None:
    open_at(browser, address, 1400)
    search = browser.find_element(By.CSS_SELECTOR, ".filter")
    search.send_keys("Retry")
    rows = browser.find_elements(By.CSS_SELECTOR, ".met tbody tr")
    assert [row.text.split(" <")[0] for row in rows if row.is_displayed()] == [
        "certificate_upload retry rate"
    ]
    search.clear()
    search.send_keys(" ")
    head = browser.find_element(By.CSS_SELECTOR, ".met thead button")
    for first in ("certificate_upload", "websocket_broadcast"):
        head.click()
        assert browser.find_element(By.CSS_SELECTOR, ".met tbody tr").text.startswith(first)


def test_any_long_table_is_searched_and_sorted_by_what_its_numbers_mean(browser, table, tmp_path) -> None:
    """Not by their digits: 2 s is more than 900 µs, 1,200 more than 99."""
    made, one = record(table), server_time().statements[0]
    costs = ((0.9, 1200), (2000.0, 99), (47.5, 7), (125_000.0, 65), (5.0, 5), (6.0, 6), (7.0, 8), (8.0, 9))
    statements = tuple(
        replace(one, text=f"SELECT {place}", exec_ms=ms, calls=calls)
        for place, (ms, calls) in enumerate(costs)
    )
    made = with_scenario(made, "registration", database=replace(server_time(), statements=statements))
    page = tmp_path / "long.html"
    page.write_text(page_of(view_of(made), RenderedCharts({slug: {} for slug in made.scenarios})), "utf-8")
    open_at(browser, page.as_uri(), 1400)
    open_all(browser)
    long = browser.find_element(By.CSS_SELECTOR, "#time-registration table")

    def first_after_a_click_on(head: str) -> str:
        long.find_element(By.XPATH, f".//th/button[text()='{head}']").send_keys(Keys.ENTER)
        return long.find_element(By.CSS_SELECTOR, "tbody th").text

    assert first_after_a_click_on("Time") == "SELECT 0"
    assert first_after_a_click_on("Time") == "SELECT 3"
    assert first_after_a_click_on("Calls") == "SELECT 4"
    assert first_after_a_click_on("Calls") == "SELECT 0"
    search = browser.find_element(By.CSS_SELECTOR, "#time-registration .filter")
    assert search.get_attribute("aria-label") == "Search Statements of registration"
    search.send_keys("select 3")
    shown = [row.text for row in long.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]
    assert [row.partition(" ")[2][:1] for row in shown] == ["3"]
    assert not browser.find_elements(By.CSS_SELECTOR, ".columns .filter, .columns th button"), "a short one"


def test_a_link_to_a_folded_scenario_unfolds_it(browser, address) -> None:
    open_at(browser, address, 1400)
    browser.find_element(By.CSS_SELECTOR, ".met a").click()
    opened = eventually(lambda: browser.find_elements(By.CSS_SELECTOR, "details.scenario[open]"))
    assert [each.get_attribute("id") for each in opened] == [browser.current_url.partition("#")[2]]


def test_a_green_run_is_short_on_a_screen_and_on_paper(browser, address) -> None:
    open_at(browser, address, 1400)
    assert browser.execute_script("return document.documentElement.scrollHeight") < 3000
    printed = browser.execute_cdp_cmd("Page.printToPDF", {})
    assert len(re.findall(rb"/Type /Page\b", base64.b64decode(printed["data"]))) <= MOST_PAGES


def test_the_toggle_changes_the_theme_and_says_what_it_would_do_next(browser, address) -> None:
    open_at(browser, address, 1400, "dark")
    ground = "return getComputedStyle(document.body).backgroundColor"
    dark, button = browser.execute_script(ground), browser.find_element(By.ID, "theme")
    assert button.text == "Light theme"
    button.click()
    assert button.text == "Dark theme"
    assert browser.execute_script(ground) != dark
    button.click()  # as it was: the choice is remembered
    assert browser.execute_script(ground) == dark


def test_a_script_that_is_not_the_pages_own_does_not_run(browser, address) -> None:
    open_at(browser, address, 1400)
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.evil = 1';"
        "document.body.append(s); const i = new Image(); document.body.append(i);"
        "i.setAttribute('onerror', 'window.evil = 1'); i.src = 'data:,';"
    )
    WebDriverWait(browser, PATIENCE_S).until(lambda b: b.get_log("browser"))
    assert browser.execute_script("return window.evil") is None


def test_without_scripts_every_chart_is_a_still_picture(browser, address) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_at(browser, address, 1400)
        open_all(browser)
        pictures = browser.find_elements(By.CSS_SELECTOR, ".still > svg")
        assert len(pictures) == 6 * 5 + 5 * 3 - 1 + 1  # of steps, loads (one without an error), the migration
        assert min(picture.size["height"] for picture in pictures) > 50
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_on_paper_the_still_pictures_stand_in(browser, address) -> None:
    open_at(browser, address, 1400)
    open_all(browser)
    draw_all(browser)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert browser.find_element(By.CSS_SELECTOR, ".still > svg").is_displayed()
        assert not browser.find_element(By.CSS_SELECTOR, ".live").is_displayed()
        assert not browser.find_element(By.CSS_SELECTOR, ".bar").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
