"""What every test in a browser does first: open a page at a width and in a theme, and let its charts draw."""

import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

BROWSERS, DRIVER = ("chromium", "chromium-browser", "google-chrome"), "chromedriver"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root with one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_S = 60  # a busy machine draws 25 charts late; nothing here waits this long otherwise


def headless(profile: Path) -> webdriver.Chrome | None:
    """Start Chromium without a window, its profile in this empty folder; None if this machine has none."""
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which(DRIVER)
    if binary is None or driver is None:
        return None
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


def open_at(browser: webdriver.Chrome, address: str, width: int, theme: str = "light") -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    preference = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)
    browser.get(address)


def open_all(browser: webdriver.Chrome) -> None:
    """Open everything that a reader could open."""
    browser.execute_script("document.querySelectorAll('details').forEach((found) => { found.open = true; });")


def draw_all(browser: webdriver.Chrome) -> None:
    """Scroll each chart into view, as a reader would, and wait for it."""
    for chart in browser.find_elements(By.CSS_SELECTOR, ".chart"):
        browser.execute_script("arguments[0].scrollIntoView()", chart)
        WebDriverWait(browser, PATIENCE_S).until(
            lambda _, chart=chart: "drawn" in chart.get_attribute("class")
        )
