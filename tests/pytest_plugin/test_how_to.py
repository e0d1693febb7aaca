"""The examples of the page on pytest pass as they stand."""

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "pytest.md"


@pytest.mark.system
def test_the_examples_of_the_page_pass_together(project):
    examples = re.findall(r"```python\n(?!# tests)(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 5
    done = project.test(tests="\n\n".join(examples))
    done.assert_outcomes(passed=5)
