"""The page by its markup: what a screen reader says of it, and that colour is never the only sign."""

from html.parser import HTMLParser
from itertools import pairwise

import pandas as pd
import pytest

from tailguard.report.charts.rendered_charts import charts_of
from tailguard.report.page import page_of
from tailguard.report.views.view import view_of
from tests.support.made_kinds import KINDS, kind_of_run
from tests.support.made_proof import samples
from tests.support.made_samples import columns

Element = tuple[str, dict[str, str | None]]


class Outline(HTMLParser):
    """Every element of the page in order, and the text that stands in each element of class `word`."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.words: list[str] = []
        self._in_word = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_word = dict(attrs).get("class") == "word"

    def handle_data(self, data: str) -> None:
        if self._in_word:
            self.words.append(data)
            self._in_word = False

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        return [found for _, found in self.elements if name in (found.get("class") or "").split()]


@pytest.fixture(scope="module", params=KINDS)
def outline(request: pytest.FixtureRequest, table: pd.DataFrame) -> Outline:
    made = kind_of_run(request.param, table)
    drawn = {"registration": columns(table)["registration"]} if request.param == "run" else {}
    found = Outline()
    found.feed(page_of(view_of(made), charts_of(made, drawn, live=samples())))
    return found


def test_no_heading_skips_a_level(outline: Outline) -> None:
    levels = [
        int(tag[1]) for tag, _ in outline.elements if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit()
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_every_picture_has_a_text_of_its_own(outline: Outline) -> None:
    pictures = [found for name in ("chart", "gauge") for found in outline.of_class(name)]
    labels = [found["aria-label"] for found in pictures]
    assert all(found["role"] == "img" for found in pictures)
    assert all(label and len(label) > len("observed") for label in labels)
    charts = [found["aria-label"] for found in outline.of_class("chart")]
    assert len(set(charts)) == len(charts)


def test_every_state_is_a_word_beside_its_sign(outline: Outline) -> None:
    signs = outline.of_class("mark")
    assert len(signs) == len(outline.words) > 0
    assert all(word.strip() for word in outline.words)
    assert all(found["aria-hidden"] == "true" for found in signs)


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(outline: Outline) -> None:
    scrolling = [*outline.of_class("scroll"), *(found for tag, found in outline.elements if tag == "pre")]
    assert all(found.get("tabindex") == "0" for found in scrolling)
    assert all(found.get("aria-label") for found in outline.of_class("scroll"))


def test_every_link_of_the_page_leads_somewhere_in_it(outline: Outline) -> None:
    places = {found.get("id") for _, found in outline.elements}
    links = [found["href"] or "" for tag, found in outline.elements if tag == "a"]
    assert {link.removeprefix("#") for link in links} <= places
