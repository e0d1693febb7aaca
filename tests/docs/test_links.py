"""The links of README and of the pages for GitHub lead somewhere; those of the site: test_site.py."""

import re
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify

from tests.docs.page import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    return {
        slugify(re.sub(r"[`*]", "", title), "-")
        for title in HEADING.findall(page.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_every_relative_link_leads_to_a_file_and_a_heading(name: str) -> None:
    dead = []
    for link in LINK.findall((ROOT / name).read_text(encoding="utf-8")):
        path, _, fragment = link.partition("#")
        if "://" in path:
            continue
        target = ROOT / path if path else ROOT / name
        if not target.exists() or (fragment and fragment not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_the_readme_has_links_to_check() -> None:
    assert len(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))) > 10
