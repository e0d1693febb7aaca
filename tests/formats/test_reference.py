"""The page of all formats is what the readers say."""

from pathlib import Path

from tailguard.formats.reference import page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_readers_say():
    written = (ROOT / "docs" / "reference" / "latency-files.md").read_text(encoding="utf-8")
    assert written == page(), (
        "write it again: python -m tailguard.formats.reference > docs/reference/latency-files.md"
    )
