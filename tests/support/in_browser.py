"""What every test in a browser does first: open a page at a width and in a theme, and let its charts draw."""

import shutil
from contextlib import suppress
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.support.waiting import eventually

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


_LOOK = """
  const [chart] = arguments;
  chart.scrollIntoView();
  return chart.classList.contains('drawn');"""
_STATE = """
  const [chart] = arguments, {top, width, height} = chart.getBoundingClientRect();
  return {label: chart.ariaLabel, top, width, height, begun: !chart.querySelector('.live').hidden,
    drawn: document.querySelectorAll('.drawn').length, page: document.visibilityState};"""


def draw_all(browser: webdriver.Chrome) -> None:
    """Scroll each chart into view, as a reader would, and wait for it: again if one above it grew meanwhile."""
    for chart in browser.find_elements(By.CSS_SELECTOR, ".chart"):
        eventually(
            lambda chart=chart: _is_drawn(browser, chart),
            PATIENCE_S,
            pause_s=0.1,
            log=lambda chart=chart: f"{browser.execute_script(_STATE, chart)} {browser.get_log('browser')}",
        )


def _is_drawn(browser: webdriver.Chrome, chart: WebElement) -> bool:
    """Scroll to a chart and look; take a picture if it is not drawn, for a page in the background makes no frames."""
    drawn = bool(browser.execute_script(_LOOK, chart))
    if not drawn:
        with suppress(TimeoutException):  # a busy machine takes longer for it than the driver waits
            browser.get_screenshot_as_png()
    return drawn


# Of texts: what one sees. The halo of a text lies below it, word for word.
_SEEN = """
  const seen = (text) => text.textContent.trim() && text.getClientRects().length
    && getComputedStyle(text).visibility === 'visible';
  const box = (text) => text.getBoundingClientRect();
  const charts = [...document.querySelectorAll('.live svg, .still svg')].filter((svg) => box(svg).width);"""
_OVERLAPPING = (
    _SEEN
    + """
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return charts.flatMap((svg) => {
    const texts = [...svg.querySelectorAll('text')].filter(seen);
    return texts.flatMap((one, place) => texts.slice(place + 1)
      .filter((other) => other.textContent !== one.textContent && meet(box(one), box(other)))
      .map((other) => `${one.textContent} / ${other.textContent}`));
  });"""
)
_CUT_OFF = (
    _SEEN
    + """
  return charts.flatMap((svg) => [...svg.querySelectorAll('text')].filter(seen).filter((text) => {
    const its = box(text), frame = box(svg);
    return its.left < frame.left - 1 || its.right > frame.right + 1
      || its.top < frame.top - 1 || its.bottom > frame.bottom + 1;
  }).map((text) => text.textContent));"""
)
# WCAG 2.2, 1.4.3: 4.5, and 3 for large letters.
_PALE = """
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const rgba = (colour) => { const [r, g, b, a] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a ?? 1]; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const found = rgba(getComputedStyle(node).backgroundColor);
      if (found[3] === 1) return found;
    }
    return [255, 255, 255, 1];
  };
  const pale = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement, style = getComputedStyle(node);
    if (!walk.currentNode.data.trim() || !node.getClientRects().length || node.closest('script, style')) continue;
    const colour = node.closest('svg') ? style.fill : style.color;
    if (node.closest('svg') && style.stroke !== 'none') continue; // a halo, below its text
    if (!colour.startsWith('rgb')) continue;
    const [high, low] = [light(rgba(colour)), light(ground(node))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if ((high + 0.05) / (low + 0.05) < (large ? 3 : 4.5)) pale.push(`${node.tagName} ${walk.currentNode.data.trim()}`);
  }
  return [...new Set(pale)];"""


def illegible(browser: webdriver.Chrome) -> list[str]:
    """Return what cannot be read of all that is seen: texts of charts that meet or are cut off, and pale texts."""
    scripts = {"meet": _OVERLAPPING, "cut off": _CUT_OFF, "pale": _PALE}
    return [f"{what}: {text}" for what, script in scripts.items() for text in browser.execute_script(script)]
