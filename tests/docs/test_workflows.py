"""The workflows that a page shows are such as GitHub reads."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.page import DOCS, ShownFile, blocks

CHECK = Path(sys.executable).with_name("check-jsonschema")
SHOWN = [
    block
    for page in sorted(DOCS.rglob("*.md"))
    for block in blocks(page)
    if isinstance(block, ShownFile) and block.name.startswith(".github/workflows/")
]


def refusal(text: str, folder: Path) -> str:
    """Return what GitHub's schema says of a workflow, "" if it takes it."""
    file = folder / "workflow.yml"
    file.write_text(text, encoding="utf-8")
    words = [CHECK, "--builtin-schema", "vendor.github-workflows", file]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode else ""


@pytest.mark.system
@pytest.mark.parametrize("shown", SHOWN, ids=lambda block: block.name)
def test_a_workflow_on_a_page_keeps_the_schema(shown: ShownFile, tmp_path: Path) -> None:
    assert refusal(shown.text, tmp_path) == ""


@pytest.mark.system
def test_a_step_that_github_does_not_know_is_found(tmp_path: Path) -> None:
    assert "rum" in refusal(SHOWN[0].text.replace("- run: tailguard run", "- rum: tailguard run"), tmp_path)
