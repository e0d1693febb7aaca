"""Certificates as drawn: real XML of about 64 KiB, whatever a player is called."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from reference.drawing import Award, draw
from reference.seed import NAMES

# What PostgreSQL stores is UTF-8, which has no half of a surrogate pair.
stored = st.text(st.characters(codec="utf-8"), max_size=60)


@given(stored, stored)
def test_any_name_gives_well_formed_xml_that_holds_it(player, tournament):
    drawn = draw(Award(player, tournament, "winner", "REG-1", "2026-01-01"))
    title = ET.fromstring(drawn.decode()).find("{http://www.w3.org/2000/svg}title").text
    assert _printable(title) == _printable(f"{player} - {tournament}")


def test_it_weighs_about_64_kib():
    for name in NAMES:
        assert 60 * 1024 < len(draw(Award(name, "Cup", "winner", "REG-1", "2026-01-01"))) < 70 * 1024


def test_each_kind_has_its_own_ornament():
    drawn = {
        draw(Award("Zoë", "Cup", kind, "1", "2"))
        for kind in ("winner", "runner_up", "third_place", "participant")
    }
    assert len({body.split(b"<g fill")[1] for body in drawn}) == 4


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter >= " ")
