"""docs/reference/rules/: a page per rule of `migrate lint`, written by `python -m tests.migrations.rule_pages`."""

from pathlib import Path

from tailguard.migrations.lint.rules import RULES

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference" / "rules"
INDEX = """\
# Rules of migrate lint

`tailguard migrate lint` checks the files of a folder by these rules; each has an example that is proved. If Squawk is
installed (`pip install 'tailguard[lint]'`), its rules are checked too.

| rule | | |
|---|---|---|
"""


def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    rows = [f"| [{rule.name}]({rule.name}.md) | {rule.severity} | {rule.summary} |\n" for rule in RULES]
    return {"index.md": INDEX + "".join(rows), **{f"{rule.name}.md": rule.page for rule in RULES}}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
